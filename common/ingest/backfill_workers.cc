#include "common/ingest/backfill_workers.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"

namespace playlog::ingest {
namespace {

// How soon a worker without work sees a job that was started at another process or is due again.
constexpr absl::Duration kIdle = absl::Seconds(2);

}  // namespace

void BackfillWorkers::Start(int workers) {
  for (int i = 1; i <= workers; ++i) {
    loops_.Start(absl::StrCat("backfill_", i), [this](Loops::Pulse& pulse) { Work(pulse); });
  }
}

void BackfillWorkers::Work(Loops::Pulse& pulse) {
  while (pulse.Beat()) {
    const absl::StatusOr<bool> worked = runner_.RunOne([&pulse] { return pulse.Beat(); });
    if (!worked.ok()) {
      Log(Severity::kWarning, "backfill_interrupted",
          {{"error", std::string(worked.status().message())}});
    }
    if (!worked.value_or(false)) pulse.Wait(kIdle);
  }
}

}  // namespace playlog::ingest
