#include "services/gateway/json_text.h"

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

namespace playlog::gateway {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Whether any of eight bytes is a control character, a quotation mark, a backslash or not ASCII. A
// borrow can only report a byte in vain behind one that is reported rightly, and the caller then
// looks at the bytes one by one.
bool NeedsCare(const char* eight_bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x80 * kOnes;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight_bytes, sizeof bytes);
  const std::uint64_t control = bytes - 0x20 * kOnes;
  const std::uint64_t quote = (bytes ^ ('"' * kOnes)) - kOnes;
  const std::uint64_t backslash = (bytes ^ ('\\' * kOnes)) - kOnes;
  return ((control | quote | backslash | bytes) & kHighBits) != 0;
}

// The length of the well-formed UTF-8 sequence that begins with a byte of 0x80 or more; 0 if it is
// malformed (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t SequenceLength(const char* at, const char* end) {
  const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto available = static_cast<std::size_t>(end - at);
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) return available >= 2 && follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (available < 3 || !follows(1) || !follows(2)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (available < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool too_large = lead == 0xF4 && byte(1) > 0x8F;
    return overlong || too_large ? 0 : 4;
  }
  return 0;
}

void AppendEscaped(unsigned char character, std::string& out) {
  switch (character) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default:
      out.append("\\u00");
      out.push_back(kHexDigits[character >> 4]);
      out.push_back(kHexDigits[character & 0x0F]);
  }
}

template <class Number>
void AppendNumber(Number value, std::string& out) {
  std::array<char, 32> buffer;
  char* const end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

// Writes exactly `width` digits and returns what follows them.
char* WriteDigits(char* at, std::uint32_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + width;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* written = at;
  while (at < end) {
    while (end - at >= 8 && !NeedsCare(at)) at += 8;
    if (at == end) break;
    const auto character = static_cast<unsigned char>(*at);
    if (character >= 0x80) {
      if (const std::size_t length = SequenceLength(at, end); length != 0) {
        at += length;
        continue;
      }
      out.append(written, at).append(kReplacement);
      written = ++at;
    } else if (character < 0x20 || character == '"' || character == '\\') {
      out.append(written, at);
      AppendEscaped(character, out);
      written = ++at;
    } else {
      ++at;
    }
  }
  out.append(written, end).push_back('"');
}

void AppendJsonBytes(std::string_view bytes, std::string& out) {
  out.push_back('"');
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const bool present = i + k < bytes.size();
      group = group << 8 | (present ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      const bool padding = i + k > bytes.size();
      out.push_back(padding ? '=' : kBase64Alphabet[group >> (18 - 6 * k) & 0x3F]);
    }
  }
  out.push_back('"');
}

void AppendInteger(std::int64_t value, std::string& out) { AppendNumber(value, out); }

void AppendUnsigned(std::uint64_t value, std::string& out) { AppendNumber(value, out); }

bool AppendDouble(double value, std::string& out) {
  if (!std::isfinite(value)) return false;
  AppendNumber(value, out);
  return true;
}

bool AppendFloat(float value, std::string& out) {
  if (!std::isfinite(value)) return false;
  AppendNumber(value, out);
  return true;
}

bool AppendTimestamp(std::int64_t seconds, std::int64_t nanoseconds, std::string& out) {
  constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
  constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z
  if (seconds < kFirstSecond || seconds > kLastSecond) return false;
  if (nanoseconds < 0 || nanoseconds > 999'999'999) return false;
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto second_of_day = static_cast<std::uint32_t>((time - day).count());
  std::array<char, 32> buffer;
  char* at = buffer.data();
  *at++ = '"';
  at = WriteDigits(at, static_cast<std::uint32_t>(static_cast<int>(date.year())), 4);
  *at++ = '-';
  at = WriteDigits(at, static_cast<unsigned>(date.month()), 2);
  *at++ = '-';
  at = WriteDigits(at, static_cast<unsigned>(date.day()), 2);
  *at++ = 'T';
  at = WriteDigits(at, second_of_day / 3600, 2);
  *at++ = ':';
  at = WriteDigits(at, second_of_day / 60 % 60, 2);
  *at++ = ':';
  at = WriteDigits(at, second_of_day % 60, 2);
  const auto microseconds = static_cast<std::uint32_t>(nanoseconds / 1000);
  if (microseconds != 0) {
    *at++ = '.';
    const bool milliseconds_suffice = microseconds % 1000 == 0;
    at = milliseconds_suffice ? WriteDigits(at, microseconds / 1000, 3)
                              : WriteDigits(at, microseconds, 6);
  }
  *at++ = 'Z';
  *at++ = '"';
  out.append(buffer.data(), at);
  return true;
}

}  // namespace playlog::gateway
