#include "common/ingest/coverage_recorder.h"

#include <algorithm>
#include <optional>

#include "common/base/status_macros.h"
#include "common/ingest/engine.h"

namespace playlog::ingest {
namespace {

// Of those who change one user's coverage at once, one succeeds in each round. So many rounds are
// never lost in a row.
constexpr int kMaxTries = 100;

}  // namespace

absl::Status CoverageRecorder::RecordLook(std::int64_t user_id, const Look& look,
                                          absl::Time deadline) {
  return Update(
      user_id, [&look](Coverage& coverage) { AddLook(look, coverage); }, deadline);
}

absl::Status CoverageRecorder::RecordWalk(std::int64_t user_id, CoveredSpan span,
                                          absl::Time deadline) {
  return Update(
      user_id, [span](Coverage& coverage) { AddWalk(span, coverage); }, deadline);
}

absl::Status CoverageRecorder::AddCovered(std::int64_t user_id, CoveredSpan span,
                                          absl::Time deadline) {
  return Update(
      user_id, [span](Coverage& coverage) { ingest::AddCovered(span, coverage); }, deadline);
}

absl::Status CoverageRecorder::RecordCount(std::int64_t user_id, const SourceCount& count,
                                           absl::Time deadline) {
  return store_.SaveCount(user_id, count, deadline);
}

absl::Status CoverageRecorder::Update(std::int64_t user_id,
                                      absl::FunctionRef<void(Coverage&)> change,
                                      absl::Time deadline) {
  std::optional<std::int64_t> last_version;
  for (int i = 0; i < kMaxTries; ++i) {
    PLAYLOG_ASSIGN_OR_RETURN(const std::optional<KnownCoverage> known,
                             store_.LoadCoverage(user_id, deadline));
    const std::int64_t version = known.has_value() ? known->version : 0;
    // Nobody else has saved anything since the save was refused: the user is erased.
    if (last_version == version) return absl::OkStatus();
    const Coverage before = known.has_value() ? known->coverage : Coverage();
    Coverage after = before;
    change(after);
    if (after == before) return absl::OkStatus();
    PLAYLOG_ASSIGN_OR_RETURN(const bool saved,
                             store_.SaveCoverage(user_id, version, after, deadline));
    if (saved) return absl::OkStatus();
    last_version = version;
  }
  return InternalError("a user's coverage changed under every try to change it");
}

Look LookOf(const Fetched& fetched, int asked, absl::Time at) {
  Look look{.at = at - kReportedWithin,
            .asked = asked,
            .items = static_cast<int>(fetched.items),
            .already_stored = fetched.counts.updated + fetched.counts.unchanged};
  for (const songs::v1::Play& play : fetched.plays) {
    const absl::Time played_at = PlayedAtOf(play);
    look.oldest_play_at = std::min(look.oldest_play_at.value_or(played_at), played_at);
  }
  return look;
}

}  // namespace playlog::ingest
