#include "services/auth/export_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kPartBytes = 64 * 1024;
// A reader that waits gets what there is, however little.
constexpr absl::Duration kPartTime = absl::Seconds(1);
constexpr absl::Duration kReadTime = absl::Seconds(1);

constexpr char kReadmeName[] = "README.txt";
constexpr char kReadme[] =
    R"(This is what Playlog holds about you, but for secrets: passwords, keys and tokens.

Each file is a table: every line is a JSON object, a row. Times are in UTC. A file without lines
means that there is nothing of the kind.

account.jsonl                   who you are here
keys.jsonl                      what is known of the keys that you stored, never a key
sign_ins.jsonl                  your sign-ins here: when each began, was last renewed, and ends
revocations.jsonl               what ended access tokens of yours in the last minutes
failed_sign_ins.jsonl           failed sign-ins with your name in the last minutes
audit.jsonl                     what was done to your account and keys, and by whom
plays.jsonl                     your listening history: every play that is stored, oldest first
batches.jsonl                   what brought your plays: each fetch that changed something
spotify_rejected_items.jsonl    what Spotify sent about you and could not become a play
spotify_rate_limits.jsonl       until when Spotify wants no call with your key
spotify_sign_ins.jsonl          sign-ins at Spotify that you have begun
spotify_renewals.jsonl          until when your sign-in at Spotify is being renewed
spotify_budget_places.jsonl     when Spotify was called for you, as long as its limits count it
spotify_budget_waiters.jsonl    calls for you that wait until Spotify's limits allow them
spotify_schedules.jsonl         when your plays are fetched from Spotify by themselves
spotify_coverage.jsonl          which parts of your history at Spotify are known to be whole
spotify_jobs.jsonl              none: Spotify does not tell of the past
lastfm_rejected_items.jsonl     the same of Last.fm
lastfm_rate_limits.jsonl
lastfm_sign_ins.jsonl
lastfm_renewals.jsonl
lastfm_budget_places.jsonl
lastfm_budget_waiters.jsonl
lastfm_schedules.jsonl
lastfm_coverage.jsonl
lastfm_jobs.jsonl               fetches of your whole past that you have started
)";

// Says that a part of the system does not answer, whatever it was that it said.
absl::Status AwayError(const absl::Status& status) {
  if (absl::IsCancelled(status)) return status;
  Log(Severity::kWarning, "export_failed", {{"code", NameOf(CodeOf(status))}});
  return RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "The export could not be made now",
                        "Try again.", absl::Seconds(5));
}

}  // namespace

absl::Status ExportStream::Write(const ExportedRows& rows) {
  std::string file = absl::StrCat(sources_[source_].prefix, rows.table, ".jsonl");
  if (file != file_) {
    PLAYLOG_RETURN_IF_ERROR(zip_.BeginFile(file, now_));
    file_ = std::move(file);
  }
  return zip_.Append(rows.lines);
}

absl::Status ExportStream::Advance() {
  if (file_.empty()) {
    PLAYLOG_RETURN_IF_ERROR(zip_.BeginFile(kReadmeName, now_));
    file_ = kReadmeName;
    return zip_.Append(kReadme);
  }
  if (source_ == sources_.size()) {
    finished_ = true;
    return zip_.Finish();
  }
  if (rows_ == nullptr) rows_ = sources_[source_].open(call_, call_.user_id);
  ExportedRows rows;
  const absl::StatusOr<bool> more = rows_->Next(absl::Now() + kReadTime, rows);
  if (!more.ok()) return AwayError(more.status());
  if (*more) return Write(rows);
  rows_ = nullptr;
  ++source_;
  return absl::OkStatus();
}

absl::StatusOr<bool> ExportStream::Next(v1::ExportMeResponse& part) {
  const absl::Time begun_at = absl::Now();
  while (!finished_ && zip_.pending() < kPartBytes) {
    if (call_.IsCancelled()) return absl::CancelledError("the reader has gone");
    PLAYLOG_RETURN_IF_ERROR(Advance());
    if (zip_.pending() > 0 && source_ > 0 && absl::Now() - begun_at > kPartTime) break;
  }
  if (zip_.pending() == 0) return false;
  part.set_body(zip_.TakeBytes());
  return true;
}

}  // namespace playlog::auth
