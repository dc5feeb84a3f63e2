#include "common/base/strings.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace playlog {
namespace {

// Reads one code point at `offset`; returns its length in bytes, or 0 if it is malformed.
std::size_t ReadCodePoint(std::string_view bytes, std::size_t offset,
                          utf8proc_int32_t* code_point) {
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()) + offset;
  const auto size = static_cast<utf8proc_ssize_t>(bytes.size() - offset);
  const utf8proc_ssize_t length = utf8proc_iterate(data, size, code_point);
  return length > 0 ? static_cast<std::size_t>(length) : 0;
}

// How many bytes of ASCII a text begins with. Most texts are nothing else, so it looks at eight at
// a time.
std::size_t CountAscii(std::string_view bytes) {
  constexpr std::uint64_t kHighBits = 0x8080'8080'8080'8080;
  std::size_t count = 0;
  std::uint64_t eight = 0;
  while (bytes.size() - count >= sizeof(eight)) {
    std::memcpy(&eight, bytes.data() + count, sizeof(eight));
    if ((eight & kHighBits) != 0) break;
    count += sizeof(eight);
  }
  while (count < bytes.size() && static_cast<unsigned char>(bytes[count]) < 0x80) ++count;
  return count;
}

// Whether a text that begins or ends with this byte has no white space there.
bool IsPrintableEnd(char byte) { return byte > ' ' && byte < 0x7F; }

bool IsWhitespace(utf8proc_int32_t code_point) {
  if (code_point == ' ' || (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x85) {
    return true;
  }
  const utf8proc_category_t category = utf8proc_category(code_point);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

constexpr std::string_view kBase64UrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> MakeBase64UrlValues() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64UrlAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kBase64UrlAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kBase64UrlValues = MakeBase64UrlValues();

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  for (std::size_t offset = 0; offset < bytes.size();) {
    offset += CountAscii(bytes.substr(offset));
    if (offset == bytes.size()) return true;
    utf8proc_int32_t code_point = 0;
    const std::size_t length = ReadCodePoint(bytes, offset, &code_point);
    if (length == 0) return false;
    offset += length;
  }
  return true;
}

std::size_t CountCodePoints(std::string_view utf8) {
  std::size_t count = 0;
  for (const char byte : utf8) {
    if ((static_cast<unsigned char>(byte) & 0xC0) != 0x80) ++count;
  }
  return count;
}

bool IsAscii(std::string_view text) { return CountAscii(text) == text.size(); }

std::optional<std::string> NormalizeNfc(std::string_view utf8) {
  if (IsAscii(utf8)) return std::string(utf8);
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                   static_cast<utf8proc_ssize_t>(utf8.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (length < 0) return std::nullopt;
  std::string result(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
  std::free(composed);
  return result;
}

std::string_view TrimWhitespace(std::string_view utf8) {
  if (!utf8.empty() && IsPrintableEnd(utf8.front()) && IsPrintableEnd(utf8.back())) return utf8;
  std::size_t begin = utf8.size();
  std::size_t end = 0;
  for (std::size_t offset = 0; offset < utf8.size();) {
    utf8proc_int32_t code_point = 0;
    std::size_t length = ReadCodePoint(utf8, offset, &code_point);
    if (length == 0) {
      length = 1;
      code_point = 0xFFFD;
    }
    if (!IsWhitespace(code_point)) {
      if (begin == utf8.size()) begin = offset;
      end = offset + length;
    }
    offset += length;
  }
  return begin == utf8.size() ? std::string_view() : utf8.substr(begin, end - begin);
}

bool IsPrintableAscii(std::string_view text) {
  for (const char byte : text) {
    if (byte < 0x20 || byte > 0x7E) return false;
  }
  return true;
}

std::string Base64UrlEncode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text.push_back(kBase64UrlAlphabet[(bits >> count) & 63]);
    }
  }
  if (count > 0) text.push_back(kBase64UrlAlphabet[(bits << (6 - count)) & 63]);
  return text;
}

std::optional<std::string> Base64UrlDecode(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char character : text) {
    const std::int8_t value = kBase64UrlValues[static_cast<unsigned char>(character)];
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>((bits >> count) & 0xFF));
    }
  }
  // Left-over bits that are not zero would give one token many spellings.
  if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace playlog
