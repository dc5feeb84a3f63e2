#include "common/db/rows.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "absl/strings/escaping.h"

namespace playlog::db {
namespace {

[[noreturn]] void WrongType(const char* wanted) {
  std::fprintf(stderr, "a column was read as %s, which it is not\n", wanted);
  std::abort();
}

// Reads `count` digits at `position` and moves it past them.
int ReadDigits(std::string_view text, std::size_t& position, std::size_t count) {
  int value = 0;
  for (std::size_t i = 0; i < count; ++i, ++position) {
    if (position >= text.size() || text[position] < '0' || text[position] > '9') {
      WrongType("a time");
    }
    value = value * 10 + (text[position] - '0');
  }
  return value;
}

// Reads a fraction such as `.123` as microseconds.
int ReadFraction(std::string_view text, std::size_t& position) {
  if (position >= text.size() || text[position] != '.') return 0;
  ++position;
  int micros = 0;
  int scale = 100'000;
  for (; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position) {
    micros += (text[position] - '0') * scale;
    scale /= 10;
  }
  return micros;
}

// Counts the days since 1970-01-01 in the proleptic Gregorian calendar, with years that begin in
// March, so that the leap day is the last of its year.
std::int64_t DaysSinceEpoch(int year, int month, int day) {
  const int shifted_year = month <= 2 ? year - 1 : year;
  const int shifted_month = month <= 2 ? month + 9 : month - 3;
  const std::int64_t leap_days = shifted_year / 4 - shifted_year / 100 + shifted_year / 400;
  return std::int64_t{365} * shifted_year + leap_days + (153 * shifted_month + 2) / 5 + day -
         719'469;
}

}  // namespace

std::int64_t Row::Int64(std::size_t column) const {
  if (IsNull(column)) return 0;
  const std::string_view text = Text(column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) WrongType("an integer");
  return value;
}

std::int32_t Row::Int32(std::size_t column) const {
  const std::int64_t value = Int64(column);
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::int32_t>::max()) {
    WrongType("a 32-bit integer");
  }
  return static_cast<std::int32_t>(value);
}

double Row::Double(std::size_t column) const {
  if (IsNull(column)) return 0;
  char* end = nullptr;
  const double value = std::strtod(cells_[column].data, &end);
  if (end != cells_[column].data + cells_[column].size) WrongType("a number");
  return value;
}

bool Row::Bool(std::size_t column) const {
  if (IsNull(column)) return false;
  const std::string_view text = Text(column);
  if (text != "t" && text != "f") WrongType("a boolean");
  return text == "t";
}

absl::Time Row::Time(std::size_t column) const {
  if (IsNull(column)) return absl::InfinitePast();
  const std::string_view text = Text(column);
  if (text == "infinity") return absl::InfiniteFuture();
  if (text == "-infinity") return absl::InfinitePast();
  // Every connection's time zone is UTC and its date style ISO: 2024-01-15 14:30:00.123456+00.
  std::size_t position = 0;
  const int year = ReadDigits(text, position, 4);
  const int month = ReadDigits(text, ++position, 2);
  const int day = ReadDigits(text, ++position, 2);
  const int hour = ReadDigits(text, ++position, 2);
  const int minute = ReadDigits(text, ++position, 2);
  const int second = ReadDigits(text, ++position, 2);
  const int micros = ReadFraction(text, position);
  if (text.substr(position) != "+00") WrongType("a time of the years 1 to 9999");
  const std::int64_t seconds =
      DaysSinceEpoch(year, month, day) * 86'400 + hour * 3600 + minute * 60 + second;
  return absl::FromUnixMicros(seconds * 1'000'000 + micros);
}

std::string Row::Bytes(std::size_t column) const {
  const std::string_view text = Text(column);
  if (text.empty()) return "";
  if (!text.starts_with("\\x")) WrongType("bytes");
  return absl::HexStringToBytes(absl::string_view(text.data() + 2, text.size() - 2));
}

std::optional<std::string> Row::OptionalText(std::size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return std::string(Text(column));
}

std::optional<std::int64_t> Row::OptionalInt64(std::size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Int64(column);
}

std::optional<absl::Time> Row::OptionalTime(std::size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Time(column);
}

Rows::Rows(std::shared_ptr<const void> owner, std::vector<Row::Cell> cells, std::size_t columns,
           std::size_t size, std::size_t affected)
    : owner_(std::move(owner)),
      cells_(std::make_shared<const std::vector<Row::Cell>>(std::move(cells))),
      columns_(columns),
      size_(size),
      affected_(affected) {}

}  // namespace playlog::db
