#include "services/gateway/url_text.h"

#include "common/base/strings.h"

namespace playlog::gateway {
namespace {

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> DecodeUrlText(std::string_view encoded, bool plus_is_space) {
  std::string text;
  text.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == '+' && plus_is_space) {
      text.push_back(' ');
    } else if (encoded[i] != '%') {
      text.push_back(encoded[i]);
    } else {
      if (encoded.size() - i < 3) return std::nullopt;
      const int high = HexValue(encoded[i + 1]);
      const int low = HexValue(encoded[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      text.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  if (!IsValidUtf8(text)) return std::nullopt;
  return text;
}

}  // namespace playlog::gateway
