#include "services/auth/key_ring.h"

#include <openssl/crypto.h>
#include <sodium.h>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "common/base/strings.h"

namespace playlog::auth {
namespace {

namespace json = boost::json;

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kKeysMax = 16;
// 32 random bytes hold about 30 different ones; fewer than 16 do not happen by chance.
constexpr std::size_t kDifferentBytesMin = 16;
// What the parser may need for a file of 64 KiB.
constexpr std::size_t kParserBytes = 1 << 20;

absl::Status Unusable(const char* what) { return absl::FailedPreconditionError(what); }

std::optional<std::uint32_t> ReadId(const json::value* value) {
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  const std::int64_t id = value->get_int64();
  if (id < 1 || id > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(id);
}

bool LooksRandom(std::string_view key) {
  const std::set<char> different(key.begin(), key.end());
  return different.size() >= kDifferentBytesMin && !IsPrintableAscii(key);
}

absl::StatusOr<Secret> ReadKey(const json::value* value) {
  if (value == nullptr || !value->is_string()) return Unusable("a key is not a text in base64");
  const json::string& text = value->get_string();
  std::string bytes(kKeySize + 1, '\0');
  std::size_t size = 0;
  const bool decoded =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL) == 0;
  const absl::Cleanup cleanse = [&bytes] { OPENSSL_cleanse(bytes.data(), bytes.size()); };
  if (!decoded || size != kKeySize) return Unusable("a key is not 32 bytes in base64");
  const std::string_view key = std::string_view(bytes).substr(0, kKeySize);
  if (!LooksRandom(key)) return Unusable("a key is too weak: it is not 32 random bytes");
  return Secret(std::string(key));
}

}  // namespace

absl::StatusOr<KeyRing> KeyRing::Parse(const Secret& text) {
  std::vector<unsigned char> memory(kParserBytes);
  const absl::Cleanup cleanse = [&memory] { OPENSSL_cleanse(memory.data(), memory.size()); };
  json::monotonic_resource resource(memory.data(), memory.size());
  json::error_code error;
  const json::value document =
      json::parse(json::string_view(text.Reveal().data(), text.Reveal().size()), error, &resource);
  const json::object* const object = error ? nullptr : document.if_object();
  if (object == nullptr || object->size() != 2) {
    return Unusable(R"(it is not {"primary": …, "keys": [{"id": …, "key": …}]})");
  }
  const std::optional<std::uint32_t> primary = ReadId(object->if_contains("primary"));
  const json::value* const list = object->if_contains("keys");
  if (!primary.has_value() || list == nullptr || !list->is_array()) {
    return Unusable(R"("primary" is not the id of a key, or "keys" is not a list)");
  }
  const json::array& entries = list->get_array();
  if (entries.empty() || entries.size() > kKeysMax) return Unusable("it holds no key or over 16");
  KeyRing ring;
  ring.primary_ = *primary;
  for (const json::value& entry : entries) {
    const json::object* const fields = entry.if_object();
    if (fields == nullptr || fields->size() != 2) return Unusable("a key has no id or no key");
    const std::optional<std::uint32_t> id = ReadId(fields->if_contains("id"));
    if (!id.has_value()) return Unusable("a key's id is not a number from 1 to 4294967295");
    absl::StatusOr<Secret> key = ReadKey(fields->if_contains("key"));
    if (!key.ok()) return key.status();
    if (!ring.keys_.emplace(*id, *std::move(key)).second)
      return Unusable("a key's id occurs twice");
  }
  if (ring.Find(*primary) == nullptr) return Unusable("the primary key is not among the keys");
  return ring;
}

std::vector<std::uint32_t> KeyRing::ids() const {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, key] : keys_) ids.push_back(id);
  return ids;
}

const Secret* KeyRing::Find(std::uint32_t id) const {
  const auto key = keys_.find(id);
  return key == keys_.end() ? nullptr : &key->second;
}

}  // namespace playlog::auth
