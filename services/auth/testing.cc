#include "services/auth/testing.h"

#include <sodium.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"

namespace playlog::auth {
namespace {

std::string KeyOf(std::uint32_t id) {
  const std::string bytes = Sha256(absl::StrCat("a key for tests ", id));
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();
  return text;
}

}  // namespace

std::string KeyRingText(const std::vector<std::uint32_t>& ids,
                        const std::vector<std::uint32_t>& copies_of_one) {
  std::string json = absl::StrCat(R"({"primary":)", ids.front(), R"(,"keys":[)");
  const auto append = [&json](std::uint32_t id, const std::string& key) {
    absl::StrAppend(&json, json.back() == '[' ? "" : ",", R"({"id":)", id, R"(,"key":")", key,
                    R"("})");
  };
  for (const std::uint32_t id : ids) append(id, KeyOf(id));
  for (const std::uint32_t id : copies_of_one) append(id, KeyOf(1));
  return json + "]}";
}

KeyRing NewKeyRing(const std::vector<std::uint32_t>& ids,
                   const std::vector<std::uint32_t>& copies_of_one) {
  return *KeyRing::Parse(Secret(KeyRingText(ids, copies_of_one)));
}

}  // namespace playlog::auth
