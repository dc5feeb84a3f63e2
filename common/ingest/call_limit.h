#ifndef PLAYLOG_COMMON_INGEST_CALL_LIMIT_H_
#define PLAYLOG_COMMON_INGEST_CALL_LIMIT_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace playlog::ingest {

// The most calls that an upstream takes within any span of a length, wherever the span begins.
struct CallLimit {
  int calls = 0;
  absl::Duration window;  // Whole seconds.
  bool operator==(const CallLimit&) const = default;
};

// Reads limits as operators write them: calls/seconds, separated by commas, as in `5/1,300/60`.
// Numbers are from 1 to 1,000,000, windows up to a day, and there are at most four limits.
absl::StatusOr<std::vector<CallLimit>> ParseCallLimits(std::string_view text);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_CALL_LIMIT_H_
