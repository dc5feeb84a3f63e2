#include "services/song_store/song_stream.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "playlog/songs/v1/song_store_service.pb.h"
#include "services/song_store/wire_writer.h"

namespace playlog::song_store {
namespace {

constexpr int kFirstRun = 64;
constexpr int kRun = 256;
constexpr std::size_t kPartBytes = 64 * 1024;
constexpr absl::Duration kReadLimit = absl::Seconds(1);

}  // namespace

absl::Status SongStream::ReadMore() {
  int limit = begun_ ? kRun : kFirstRun;
  if (options_.page_size.has_value()) limit = std::min(limit, PageLeft() + 1);
  absl::Time deadline = absl::Now() + kReadLimit;
  if (!begun_) deadline = std::min(deadline, options_.first_deadline);
  run_.Clear();
  run_next_ = 0;
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::int64_t revision,
      store_.Read(
          {.user_id = options_.user_id, .source = options_.source, .after = after_, .limit = limit},
          deadline, run_));
  if (!begun_) revision_ = revision;
  exhausted_ = run_.size() < limit;
  if (!run_.empty()) after_ = run_.position(run_.size() - 1);
  return absl::OkStatus();
}

void SongStream::FillPart(std::string& part) {
  while (run_next_ < run_.size() && part.size() < kPartBytes) {
    if (options_.page_size.has_value()) {
      if (PageLeft() == 0) return;
      ++sent_;
    }
    sent_to_ = run_.position(run_next_);
    part += run_.Record(run_next_++);
  }
}

absl::StatusOr<bool> SongStream::Next(grpc::ByteBuffer& part) {
  if (done_) return false;
  if (run_next_ == run_.size()) PLAYLOG_RETURN_IF_ERROR(ReadMore());
  std::string bytes;
  FillPart(bytes);
  const bool no_more = exhausted_ && run_next_ == run_.size();
  if (options_.page_size.has_value()) {
    const bool page_full = PageLeft() == 0;
    done_ = no_more || (page_full && run_next_ < run_.size());
    if (done_) {
      const std::string next =
          no_more ? "" : cursors_.Encode(options_.user_id, options_.source, *sent_to_);
      AppendText(songs::v1::GetStoredSongsResponse::kNextFieldNumber, next, bytes);
    }
  } else {
    done_ = no_more;
  }
  // An answer has at least one part, which may be empty; a later part is never empty.
  const bool first = !std::exchange(begun_, true);
  const bool is_there = first || !bytes.empty();
  const grpc::Slice slice(bytes);
  part = grpc::ByteBuffer(&slice, 1);
  return is_there;
}

}  // namespace playlog::song_store
