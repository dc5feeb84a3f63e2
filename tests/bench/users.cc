#include "tests/bench/users.h"

#include <stdexcept>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/jwt/jwt.h"
#include "tests/harness/child_process.h"

namespace playlog::bench {
namespace {

constexpr absl::Duration kClockSlack = absl::Seconds(2);

// Each has a sign-in too, without which no token is good.
constexpr char kMakeUsers[] = R"(
INSERT INTO auth.users (username, password_hash)
SELECT '$0' || n, '!' FROM generate_series(1, $1) AS n;
INSERT INTO auth.refresh_families
  (user_id, family_hash, token_hash, created_at, rotated_at, expires_at)
SELECT id, sha256(('family' || id)::bytea), sha256(('token' || id)::bytea), now(), now(),
  now() + interval '1 day'
FROM auth.users WHERE starts_with(username, '$0');
ANALYZE auth.users, auth.refresh_families)";

constexpr char kListUsers[] = R"(
COPY (SELECT family.user_id, family.id
      FROM auth.refresh_families AS family JOIN auth.users AS owner ON owner.id = family.user_id
      WHERE starts_with(owner.username, '$0') ORDER BY family.user_id) TO STDOUT)";

jwt::SigningKey ReadSigningKey(const harness::Stack& stack) {
  absl::StatusOr<jwt::SigningKey> key =
      jwt::SigningKey::FromPem(harness::ReadFile(stack.directory() + "/token_key.pem"));
  if (!key.ok()) throw std::runtime_error(std::string(key.status().message()));
  return *std::move(key);
}

std::string Sign(const jwt::SigningKey& key, std::int64_t user_id, std::int64_t session_id) {
  const absl::Time issued_at =
      absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())) - kClockSlack;
  absl::StatusOr<std::string> token = key.Sign({.user_id = user_id,
                                                .token_id = absl::StrCat("bench-", user_id),
                                                .session_id = session_id,
                                                .issued_at = issued_at,
                                                .expires_at = issued_at + jwt::kLifetimeMax});
  if (!token.ok()) throw std::runtime_error(std::string(token.status().message()));
  return *std::move(token);
}

}  // namespace

std::vector<SignedIn> MakeUsers(const harness::Stack& stack, Sql& sql, const std::string& prefix,
                                int count) {
  sql.Run(absl::Substitute(kMakeUsers, prefix, count));
  const jwt::SigningKey key = ReadSigningKey(stack);
  const std::string ids = sql.CopyOut(absl::Substitute(kListUsers, prefix));
  std::vector<SignedIn> users;
  for (const absl::string_view line : absl::StrSplit(ids, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> fields = absl::StrSplit(line, '\t');
    SignedIn& user = users.emplace_back();
    std::int64_t session_id = 0;
    if (!absl::SimpleAtoi(fields.first, &user.id) ||
        !absl::SimpleAtoi(fields.second, &session_id)) {
      throw std::runtime_error(absl::StrCat("no ids: ", line));
    }
    user.access = Sign(key, user.id, session_id);
  }
  return users;
}

}  // namespace playlog::bench
