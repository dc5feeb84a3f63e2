#include "services/song_store/song_stream.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/base/status_macros.h"

namespace playlog::song_store {
namespace {

using songs::v1::Song;

constexpr int kFirstRun = 64;
constexpr int kRun = 256;
constexpr std::size_t kPartBytes = 64 * 1024;
constexpr absl::Duration kReadLimit = absl::Seconds(1);

Position PositionOf(const Song& song) {
  return {song.played_at().seconds() * 1'000'000 + song.played_at().nanos() / 1'000, song.id()};
}

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
  if (!run_.empty()) after_ = PositionOf(run_[run_.size() - 1]);
  return absl::OkStatus();
}

void SongStream::FillPart(songs::v1::GetStoredSongsResponse& part) {
  std::size_t bytes = 0;
  while (run_next_ < run_.size() && bytes < kPartBytes) {
    if (options_.page_size.has_value()) {
      if (PageLeft() == 0) return;
      ++sent_;
    }
    Song& song = *run_.Mutable(run_next_++);
    bytes += song.ByteSizeLong();
    sent_to_ = PositionOf(song);
    part.add_results()->Swap(&song);
  }
}

absl::StatusOr<bool> SongStream::Next(songs::v1::GetStoredSongsResponse& part) {
  if (done_) return false;
  if (run_next_ == run_.size()) PLAYLOG_RETURN_IF_ERROR(ReadMore());
  FillPart(part);
  const bool no_more = exhausted_ && run_next_ == run_.size();
  if (options_.page_size.has_value()) {
    const bool page_full = PageLeft() == 0;
    done_ = no_more || (page_full && run_next_ < run_.size());
    if (done_) {
      part.set_next(no_more ? "" : cursors_.Encode(options_.user_id, options_.source, *sent_to_));
    }
  } else {
    done_ = no_more;
  }
  // An answer has at least one part, which may be empty; a later part is never empty.
  const bool first = !std::exchange(begun_, true);
  return first || part.results_size() > 0 || part.has_next();
}

}  // namespace playlog::song_store
