#include "services/spotify_ingest/accounts.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <optional>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/crypto.h"
#include "common/base/strings.h"
#include "common/http/url.h"
#include "common/ingest/json.h"

namespace playlog::spotify_ingest {
namespace {

using ingest::UpstreamFailure;

constexpr std::string_view kScope = "user-read-recently-played";
// As long as the vault takes.
constexpr std::size_t kMaxTokenBytes = 4096;
// Spotify's tokens live for an hour; whatever an answer says is brought into these bounds.
constexpr absl::Duration kMinLifetime = absl::Minutes(1);
constexpr absl::Duration kMaxLifetime = absl::Hours(1);
constexpr std::size_t kMaxAnswerBytes = 64 << 10;
constexpr int kBadRequest = 400;

UpstreamFailure Garbled(std::string_view cause) {
  return {.kind = UpstreamFailure::Kind::kTransient, .cause = std::string(cause)};
}

std::optional<std::string_view> TokenOf(const boost::json::value* value) {
  const std::optional<std::string_view> text = ingest::AsString(value);
  if (!text.has_value() || text->empty() || text->size() > kMaxTokenBytes) return std::nullopt;
  // A token travels in a header field.
  if (!IsPrintableAscii(*text) || text->find(' ') != std::string_view::npos) return std::nullopt;
  return text;
}

// An answer without a usable number is taken at what Spotify documents.
absl::Duration LifetimeOf(const boost::json::value* value) {
  double seconds = absl::ToDoubleSeconds(kMaxLifetime);
  if (value != nullptr && value->is_number()) seconds = value->to_number<double>();
  return std::clamp(absl::Seconds(seconds), kMinLifetime, kMaxLifetime);
}

// An answer need not say it if it is what was asked for (RFC 6749, 5.1).
bool GrantsPlays(const boost::json::value* scope) {
  const std::optional<std::string_view> text = ingest::AsString(scope);
  if (!text.has_value()) return true;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(*text), ' ')) {
    if (FromAbsl(part) == kScope) return true;
  }
  return false;
}

AccountsAnswer ParseTokens(const http::Response& response, absl::Time now) {
  const std::optional<boost::json::value> document = ingest::ParseJson(response.body);
  const boost::json::object* object = document.has_value() ? document->if_object() : nullptr;
  if (object == nullptr) return Garbled("not_tokens");
  const std::optional<std::string_view> type = ingest::AsString(ingest::Find(object, "token_type"));
  if (!type.has_value() || !absl::EqualsIgnoreCase(ToAbsl(*type), "Bearer")) {
    return Garbled("token_type");
  }
  const std::optional<std::string_view> access = TokenOf(ingest::Find(object, "access_token"));
  if (!access.has_value()) return Garbled("access_token");
  // One that is not usable is as good as none: the old one is kept.
  const std::optional<std::string_view> refresh = TokenOf(ingest::Find(object, "refresh_token"));
  return IssuedTokens{.access_token = Secret(std::string(*access)),
                      .refresh_token = Secret(std::string(refresh.value_or(""))),
                      .expires_at = now + LifetimeOf(ingest::Find(object, "expires_in")),
                      .has_scope = GrantsPlays(ingest::Find(object, "scope"))};
}

// The name of RFC 6749's error, if the answer has one of them. What describes it is never looked
// at.
std::optional<std::string> ErrorOf(const http::Response& response) {
  static const auto& known = *new std::set<std::string, std::less<>>{
      "invalid_request",     "invalid_client",         "invalid_grant",
      "unauthorized_client", "unsupported_grant_type", "invalid_scope"};
  const std::optional<boost::json::value> document = ingest::ParseJson(response.body);
  const boost::json::object* object = document.has_value() ? document->if_object() : nullptr;
  const auto name = ingest::AsString(ingest::Find(object, "error"));
  if (!name.has_value() || !known.contains(*name)) return std::nullopt;
  return std::string(*name);
}

}  // namespace

AccountsAnswer ParseAccountsAnswer(const http::Response& response, absl::Time now) {
  if (response.status == 200) return ParseTokens(response, now);
  if (response.status != kBadRequest && response.status != 401) {
    return ingest::FailureOfStatus(response);
  }
  // Only the plain word makes a user sign in anew: everything else passes, or is ours to repair.
  const std::optional<std::string> error = ErrorOf(response);
  if (!error.has_value()) return ingest::FailureOfStatus(response);
  const bool refused = *error == "invalid_grant" && response.status == kBadRequest;
  return UpstreamFailure{
      .kind = refused ? UpstreamFailure::Kind::kRejected : UpstreamFailure::Kind::kUnusable,
      .cause = *error};
}

std::string Accounts::AuthorizeUrl(std::string_view state, std::string_view code_verifier) const {
  return absl::StrCat(
      options_.accounts_url, "/authorize?",
      http::MakeQuery({{"response_type", "code"},
                       {"client_id", options_.client_id},
                       {"scope", std::string(kScope)},
                       {"redirect_uri", options_.redirect_uri},
                       {"state", std::string(state)},
                       {"code_challenge_method", "S256"},
                       {"code_challenge", Base64UrlEncode(Sha256(code_verifier))}}));
}

AccountsAnswer Accounts::Exchange(std::string_view code, std::string_view code_verifier,
                                  const AccountsQuestion& question) {
  const std::vector<std::pair<std::string, std::string>> form = {
      {"grant_type", "authorization_code"},
      {"code", std::string(code)},
      {"redirect_uri", options_.redirect_uri},
      {"code_verifier", std::string(code_verifier)}};
  return Ask(form, question);
}

AccountsAnswer Accounts::Refresh(const Secret& refresh_token, const AccountsQuestion& question) {
  const std::vector<std::pair<std::string, std::string>> form = {
      {"grant_type", "refresh_token"}, {"refresh_token", std::string(refresh_token.Reveal())}};
  return Ask(form, question);
}

AccountsAnswer Accounts::Ask(const std::vector<std::pair<std::string, std::string>>& form,
                             const AccountsQuestion& question) {
  http::Request request;
  request.url = absl::StrCat(options_.accounts_url, "/api/token");
  const std::string credentials =
      absl::StrCat(options_.client_id, ":", ToAbsl(options_.client_secret.Reveal()));
  request.headers.push_back(
      {"Authorization", absl::StrCat("Basic ", absl::Base64Escape(credentials))});
  request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
  request.body = http::MakeQuery(form);
  request.deadline = question.deadline;
  request.cancelled = question.cancelled;
  request.max_body_bytes = kMaxAnswerBytes;
  const absl::StatusOr<http::Response> response = client_.Post(request);
  if (!response.ok()) return ingest::FailureWithoutAnswer(response.status());
  return ParseAccountsAnswer(*response, clock_.Now());
}

}  // namespace playlog::spotify_ingest
