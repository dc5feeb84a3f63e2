#include "services/song_store/list_export.h"

#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "services/song_store/csv.h"

namespace playlog::song_store {
namespace {

// Some 64 KiB of text.
constexpr int kSongsOfPart = 100;
constexpr absl::Duration kReadLimit = absl::Seconds(3);

}  // namespace

absl::StatusOr<bool> ListExport::Next(songs::v1::ExportListedSongsResponse& part) {
  if (!begun_) {
    begun_ = true;
    part.set_body(CsvHeader());
    return true;
  }
  // A page may be empty where the search finds little; then the next one is looked at.
  while (!done_ && part.body().empty()) {
    if (call_.IsCancelled()) return absl::CancelledError("the reader has gone");
    // A stream has no total deadline, so each part has one of its own.
    call_.deadline = absl::Now() + kReadLimit;
    PLAYLOG_ASSIGN_OR_RETURN(ListPage page,
                             listing_.Page(search_, order_, after_, kSongsOfPart, call_.deadline));
    PLAYLOG_RETURN_IF_ERROR(usernames_.AddTo(call_, page.songs));
    for (const songs::v1::ListedSong& song : page.songs) AppendCsv(song, *part.mutable_body());
    done_ = !page.next.has_value();
    after_ = std::move(page.next);
  }
  return !part.body().empty();
}

}  // namespace playlog::song_store
