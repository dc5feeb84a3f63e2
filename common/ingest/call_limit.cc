#include "common/ingest/call_limit.h"

#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"

namespace playlog::ingest {
namespace {

constexpr std::size_t kMaxLimits = 4;
constexpr int kMaxNumber = 1'000'000;
constexpr int kMaxWindowSeconds = 24 * 60 * 60;

// Returns a number from 1 to `max`; 0 for anything else.
int ReadNumber(absl::string_view text, int max) {
  int number = 0;
  if (text.empty() || text.find_first_not_of("0123456789") != absl::string_view::npos) return 0;
  return absl::SimpleAtoi(text, &number) && number <= max ? number : 0;
}

}  // namespace

absl::StatusOr<std::vector<CallLimit>> ParseCallLimits(std::string_view text) {
  std::vector<CallLimit> limits;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    const std::vector<absl::string_view> numbers = absl::StrSplit(part, '/');
    const int calls = ReadNumber(numbers[0], kMaxNumber);
    const int seconds = numbers.size() == 2 ? ReadNumber(numbers[1], kMaxWindowSeconds) : 0;
    if (calls == 0 || seconds == 0 || limits.size() == kMaxLimits) {
      return absl::InvalidArgumentError("must be calls/seconds, at most four, as in 5/1,300/60");
    }
    limits.push_back({.calls = calls, .window = absl::Seconds(seconds)});
  }
  return limits;
}

}  // namespace playlog::ingest
