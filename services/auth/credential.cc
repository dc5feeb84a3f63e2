#include "services/auth/credential.h"

#include <openssl/crypto.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "common/base/error.h"

namespace playlog::auth {
namespace {

constexpr char kSignIn = '\x01';
constexpr char kLeastPrintable = ' ';
constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kTimeSize = 8;

void AppendNumber(std::string& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
}

void AppendToken(std::string& bytes, const Secret& token) {
  AppendNumber(bytes, token.Reveal().size(), kLengthSize);
  bytes += token.Reveal();
}

// Takes parts off the front of the bytes; nothing once they do not suffice.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::string_view> Take(std::size_t size) {
    if (bytes_.size() < size) return std::nullopt;
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::optional<std::uint64_t> TakeNumber(std::size_t size) {
    const std::optional<std::string_view> part = Take(size);
    if (!part.has_value()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char byte : *part) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::optional<Secret> TakeToken() {
    const std::optional<std::uint64_t> size = TakeNumber(kLengthSize);
    if (!size.has_value()) return std::nullopt;
    const std::optional<std::string_view> token = Take(*size);
    if (!token.has_value()) return std::nullopt;
    return Secret(std::string(*token));
  }
  bool AtEnd() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

absl::Status UnknownFormatError() { return InternalError("a sealed key has an unknown format"); }

}  // namespace

Secret PackCredential(const Credential& credential) {
  if (!credential.is_sign_in()) return credential.key;
  std::string bytes;
  // Reserved at once: growing would leave copies of tokens behind in freed memory.
  bytes.reserve(1 + kTimeSize + 3 * kLengthSize + credential.key.Reveal().size() +
                credential.refresh_token.Reveal().size() +
                credential.previous_refresh_token.Reveal().size());
  const absl::Cleanup cleanse = [&bytes] { OPENSSL_cleanse(bytes.data(), bytes.size()); };
  bytes += kSignIn;
  AppendNumber(bytes, static_cast<std::uint64_t>(absl::ToUnixMicros(credential.expires_at)),
               kTimeSize);
  AppendToken(bytes, credential.key);
  AppendToken(bytes, credential.refresh_token);
  AppendToken(bytes, credential.previous_refresh_token);
  return Secret(bytes);
}

absl::StatusOr<Credential> UnpackCredential(const Secret& bytes) {
  if (bytes.empty()) return UnknownFormatError();
  Credential credential;
  if (static_cast<unsigned char>(bytes.Reveal().front()) >= kLeastPrintable) {
    credential.key = bytes;
    return credential;
  }
  if (bytes.Reveal().front() != kSignIn) return UnknownFormatError();
  Reader reader(bytes.Reveal().substr(1));
  const std::optional<std::uint64_t> expires_at = reader.TakeNumber(kTimeSize);
  std::optional<Secret> key = reader.TakeToken();
  std::optional<Secret> refresh_token = reader.TakeToken();
  std::optional<Secret> previous = reader.TakeToken();
  if (!expires_at || !key || !refresh_token || !previous || !reader.AtEnd()) {
    return UnknownFormatError();
  }
  credential.expires_at = absl::FromUnixMicros(static_cast<std::int64_t>(*expires_at));
  credential.key = *std::move(key);
  credential.refresh_token = *std::move(refresh_token);
  credential.previous_refresh_token = *std::move(previous);
  return credential;
}

}  // namespace playlog::auth
