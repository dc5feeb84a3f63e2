#include "common/base/time_format.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace playlog {
namespace {

// Takes exactly `digits` decimal digits off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeCharacter(std::string_view& text, char character) {
  if (text.empty() || text.front() != character) return false;
  text.remove_prefix(1);
  return true;
}

// Takes `.` and 1 to 9 digits, if they are there.
std::optional<absl::Duration> TakeFraction(std::string_view& text) {
  if (!TakeCharacter(text, '.')) return absl::ZeroDuration();
  std::int64_t nanoseconds = 0;
  std::int64_t unit = 1'000'000'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (unit == 1) return std::nullopt;
    unit /= 10;
    nanoseconds += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  if (unit == 1'000'000'000) return std::nullopt;
  return absl::Nanoseconds(nanoseconds);
}

std::optional<absl::Duration> TakeOffset(std::string_view& text) {
  if (TakeCharacter(text, 'Z')) return absl::ZeroDuration();
  const bool ahead = !text.empty() && text.front() == '+';
  if (!ahead && (text.empty() || text.front() != '-')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<int> hours = TakeNumber(text, 2);
  if (!hours || !TakeCharacter(text, ':')) return std::nullopt;
  const std::optional<int> minutes = TakeNumber(text, 2);
  if (!minutes || *minutes > 59 || *hours * 60 + *minutes > 14 * 60) return std::nullopt;
  const absl::Duration offset = absl::Hours(*hours) + absl::Minutes(*minutes);
  return ahead ? offset : -offset;
}

}  // namespace

std::string FormatRfc3339(absl::Time time) {
  const absl::TimeZone::CivilInfo civil = absl::UTCTimeZone().At(time);
  const auto microseconds = static_cast<int>(absl::ToInt64Microseconds(civil.subsecond));
  const absl::CivilSecond second = civil.cs;
  // Not by a format, whose reading took longer than the digits: 5 % of what new songs cost.
  const auto two = [](int value) { return absl::Dec(value, absl::kZeroPad2); };
  std::string text = absl::StrCat(
      absl::Dec(second.year(), absl::kZeroPad4), "-", two(second.month()), "-", two(second.day()),
      "T", two(second.hour()), ":", two(second.minute()), ":", two(second.second()));
  if (microseconds % 1000 != 0) {
    absl::StrAppend(&text, ".", absl::Dec(microseconds, absl::kZeroPad6));
  } else if (microseconds != 0) {
    absl::StrAppend(&text, ".", absl::Dec(microseconds / 1000, absl::kZeroPad3));
  }
  text.push_back('Z');
  return text;
}

std::string FormatNaive(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone());
}

std::optional<absl::Time> ParseRfc3339(std::string_view text) {
  const std::optional<int> year = TakeNumber(text, 4);
  if (!year || !TakeCharacter(text, '-')) return std::nullopt;
  const std::optional<int> month = TakeNumber(text, 2);
  if (!month || !TakeCharacter(text, '-')) return std::nullopt;
  const std::optional<int> day = TakeNumber(text, 2);
  if (!day || !TakeCharacter(text, 'T')) return std::nullopt;
  const std::optional<int> hour = TakeNumber(text, 2);
  if (!hour || !TakeCharacter(text, ':')) return std::nullopt;
  const std::optional<int> minute = TakeNumber(text, 2);
  if (!minute || !TakeCharacter(text, ':')) return std::nullopt;
  const std::optional<int> second = TakeNumber(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::optional<absl::Duration> fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  const std::optional<absl::Duration> offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const absl::CivilSecond civil(*year, *month, *day, *hour, *minute, *second);
  // A day that does not exist is normalised by CivilSecond into another one.
  if (civil.month() != *month || civil.day() != *day) return std::nullopt;
  return absl::FromCivil(civil, absl::UTCTimeZone()) + *fraction - *offset;
}

}  // namespace playlog
