#include "services/auth/throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/auth/users.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kNetworkBytes = 8;
constexpr std::size_t kMappedPrefixBytes = 12;

// The prefixes keep apart what is counted.
std::string Subject(std::string_view kind, std::string_view value) {
  return Sha256(absl::StrCat(ToAbsl(kind), ":", ToAbsl(value)));
}

}  // namespace

std::string NetworkOf(std::string_view address) {
  std::string text(address);
  in6_addr parsed{};
  if (inet_pton(AF_INET6, text.c_str(), &parsed) != 1) return text;
  const auto* const bytes = reinterpret_cast<const char*>(parsed.s6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
    char mapped[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, bytes + kMappedPrefixBytes, mapped, sizeof(mapped));
    return mapped;
  }
  return absl::StrCat("v6/", Base64UrlEncode({bytes, kNetworkBytes}));
}

ThrottleRule Throttle::ForAccount(std::string_view name) {
  return {.subject = Subject("account", FoldUsername(name)), .limit = kAccountFailuresMax};
}

ThrottleRule Throttle::ForAddress(std::string_view address) {
  return {.subject = Subject("address", NetworkOf(address)), .limit = kAddressFailuresMax};
}

ThrottleRule Throttle::ForRegistrations(std::string_view address) {
  return {.subject = Subject("registrations", NetworkOf(address)), .limit = kRegistrationsMax};
}

absl::StatusOr<int> Throttle::Check(absl::Time deadline, const ThrottleRule& rule,
                                    std::string_view text) {
  const absl::Time now = clock_.Now();
  PLAYLOG_ASSIGN_OR_RETURN(
      const LoginFailures failures,
      store_.CountLoginFailures(deadline, rule.subject, now - kWindow, rule.limit));
  if (failures.count < rule.limit) return failures.count;
  return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, text,
                        "Wait before the next try; nothing is locked.",
                        failures.oldest + kWindow - now);
}

absl::Status Throttle::Add(absl::Time deadline, const ThrottleRule& rule) {
  const absl::Time now = clock_.Now();
  return store_.AddLoginFailure(deadline, rule.subject, now, now - kWindow);
}

absl::Status Throttle::Forget(absl::Time deadline, const ThrottleRule& rule) {
  return store_.ClearLoginFailures(deadline, rule.subject);
}

}  // namespace playlog::auth
