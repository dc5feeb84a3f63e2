#include "services/gateway/entity_tag.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"
#include "common/base/strings.h"
#include "services/gateway/router.h"

namespace playlog::gateway {
namespace {

constexpr char kNoneMatch[] = "if-none-match";
// Half a SHA-256, so that no two answers of a user meet by chance.
constexpr std::size_t kTagBytes = 16;
constexpr std::string_view kSpaces = " \t";

// Takes one entity tag from the front of a list, without the mark of a weak one, for the comparison
// is the weak one; empty where there is no well-formed tag.
std::string_view TakeTag(std::string_view& list) {
  if (list.starts_with("W/")) list.remove_prefix(2);
  if (!list.starts_with('"')) return {};
  const std::size_t end = list.find('"', 1);
  if (end == std::string_view::npos) return {};
  const std::string_view tag = list.substr(0, end + 1);
  list.remove_prefix(end + 1);
  return tag;
}

void SkipSpaces(std::string_view& list) {
  list.remove_prefix(std::min(list.find_first_not_of(kSpaces), list.size()));
}

// Compares with one field; whatever follows a mistake in it is not looked at.
NoneMatch CompareList(std::string_view list, std::string_view tag) {
  SkipSpaces(list);
  if (list.starts_with('*')) return NoneMatch::kAny;
  NoneMatch result = NoneMatch::kAbsent;
  while (true) {
    while (list.starts_with(',')) {
      list.remove_prefix(1);
      SkipSpaces(list);
    }
    const std::string_view one = TakeTag(list);
    if (one.empty()) return result;
    if (one == tag) return NoneMatch::kSame;
    result = NoneMatch::kOther;
    SkipSpaces(list);
    if (!list.starts_with(',')) return result;
  }
}

}  // namespace

std::string MakeEntityTag(std::string_view key, std::int64_t revision) {
  static const std::string protos = Sha256(DescriptorSet());
  const std::string hash = Sha256(absl::StrCat(protos, revision, "\n", ToAbsl(key)));
  return absl::StrCat("\"", Base64UrlEncode(hash.substr(0, kTagBytes)), "\"");
}

NoneMatch CompareEntityTag(const HttpHeaders& headers, std::string_view tag) {
  NoneMatch result = NoneMatch::kAbsent;
  for (const auto& [name, value] : headers) {
    if (name == kNoneMatch) result = std::max(result, CompareList(value, tag));
  }
  return result;
}

}  // namespace playlog::gateway
