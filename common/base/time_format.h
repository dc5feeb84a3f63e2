#ifndef PLAYLOG_COMMON_BASE_TIME_FORMAT_H_
#define PLAYLOG_COMMON_BASE_TIME_FORMAT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace playlog {

// Formats a time as RFC 3339 in UTC with `Z` and 0, 3 or 6 digits of fraction, as few as it needs;
// anything finer than a microsecond is cut.
std::string FormatRfc3339(absl::Time time);

// Formats a time in UTC in whole seconds without an offset: 2024-01-15T14:30:00.
std::string FormatNaive(absl::Time time);

// Parses an RFC 3339 instant strictly: a full date, `T`, a full time, an optional fraction of 1 to
// 9 digits, and `Z` or an offset of at most 14:00. Leap seconds, missing offsets, calendar days
// that do not exist and words are refused.
std::optional<absl::Time> ParseRfc3339(std::string_view text);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_TIME_FORMAT_H_
