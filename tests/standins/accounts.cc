#include "tests/standins/accounts.h"

#include <openssl/sha.h>

#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/base/strings.h"
#include "tests/standins/json_text.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

constexpr std::string_view kRefreshPrefix = "refresh.";
constexpr std::string_view kBasic = "Basic ";
constexpr std::string_view kScope = "user-read-recently-played";
// Tests ask for a few tokens each; the bound is for a benchmark that never stops.
constexpr std::size_t kMaxTokens = 100'000;

std::string FieldOf(const NameValues& form, std::string_view name) {
  for (const auto& [key, value] : form) {
    if (key == name) return value;
  }
  return "";
}

Content TokenError(int status, std::string_view error, std::string_view description) {
  return JsonContent(status, "{\"error\":" + Quoted(error) +
                                 ",\"error_description\":" + Quoted(description) + "}");
}

// "refresh.NAME~3" taken apart.
struct RefreshToken {
  std::string listener;
  std::int64_t serial = 1;
};

std::optional<RefreshToken> ParseRefreshToken(std::string_view text) {
  if (!text.starts_with(kRefreshPrefix)) return std::nullopt;
  text.remove_prefix(kRefreshPrefix.size());
  RefreshToken token;
  const std::size_t tilde = text.rfind('~');
  token.listener = text.substr(0, tilde);
  if (tilde != std::string_view::npos) {
    std::from_chars(text.data() + tilde + 1, text.data() + text.size(), token.serial);
  }
  return token;
}

std::string ChallengeOf(const std::string& verifier) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(verifier.data()), verifier.size(), digest);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest), sizeof(digest)});
}

// The client's id and secret from the Basic header.
std::optional<std::pair<std::string, std::string>> BasicOf(const HttpRequest& request) {
  const std::string header = request.Header("Authorization").value_or("");
  std::string decoded;
  if (!header.starts_with(kBasic) ||
      !absl::Base64Unescape(header.substr(kBasic.size()), &decoded)) {
    return std::nullopt;
  }
  const std::size_t colon = decoded.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair(decoded.substr(0, colon), decoded.substr(colon + 1));
}

void SpoilExpiry(const std::string& variant, std::int64_t number, json::object& answer) {
  json::value& expires_in = answer["expires_in"];
  if (variant == "missing") {
    answer.erase("expires_in");
  } else if (variant == "zero") {
    expires_in = 0;
  } else if (variant == "negative") {
    expires_in = -1;
  } else if (variant == "string") {
    expires_in = "3600";
  } else if (variant == "huge") {
    expires_in = 1'000'000'000'000;
  } else {
    expires_in = number;
  }
}

void SpoilAccess(const std::string& variant, json::object& answer) {
  if (variant == "missing") answer.erase("access_token");
  if (variant == "empty") answer["access_token"] = "";
  if (variant == "number") answer["access_token"] = 12345;
  if (variant == "null") answer["access_token"] = nullptr;
}

void SpoilScope(std::string scope, json::object& answer) {
  for (char& c : scope) c = c == '_' ? '-' : c;
  if (scope == "missing") {
    answer.erase("scope");
  } else {
    answer["scope"] = scope;
  }
}

}  // namespace

Caller Accounts::CallerOf(const HttpRequest& request) const {
  Caller caller;
  const NameValues form = request.method == "POST" ? ParseForm(request.body) : request.query;
  const std::string code = FieldOf(form, "code");
  const std::string refresh_token = FieldOf(form, "refresh_token");
  std::string client_id = FieldOf(form, "client_id");
  if (const auto basic = BasicOf(request)) client_id = basic->first;
  for (const std::string& text : {refresh_token, code, client_id}) {
    if (!text.empty()) caller.credentials.push_back(text);
  }
  if (!caller.credentials.empty()) caller.credential = caller.credentials.front();

  std::string listener = code;
  const auto grant = grants_.find(code);
  if (grant != grants_.end()) listener = grant->second.listener;
  std::string_view prefix = "code_";
  if (const auto token = ParseRefreshToken(refresh_token)) {
    listener = token->listener;
    prefix = "token_";
  }
  caller.scenario = ScenarioOf(listener);
  if (caller.scenario && caller.scenario->name.starts_with(prefix)) {
    caller.scenario->name.erase(0, prefix.size());
  } else {
    caller.scenario.reset();
  }
  return caller;
}

std::optional<Content> Accounts::RefuseClient(const HttpRequest& request,
                                              const NameValues& form) const {
  const auto basic = BasicOf(request);
  const std::string id = basic ? basic->first : FieldOf(form, "client_id");
  const std::string secret = basic ? basic->second : FieldOf(form, "client_secret");
  const bool is_known =
      !id.empty() && secret != "wrong" &&
      (options_.client_id.empty() || id == options_.client_id) &&
      (options_.client_secret.empty() || !basic || secret == options_.client_secret);
  if (is_known) return std::nullopt;
  return TokenError(400, "invalid_client", "Invalid client");
}

std::optional<Content> Accounts::RedeemCode(const NameValues& form, std::string& listener) {
  const std::string code = FieldOf(form, "code");
  if (code.empty()) return TokenError(400, "invalid_request", "code must be supplied");
  const auto found = grants_.find(code);
  if (found == grants_.end()) {
    listener = code;
    return std::nullopt;
  }
  Grant& grant = found->second;
  if (grant.is_used) return TokenError(400, "invalid_grant", "Invalid authorization code");
  if (FieldOf(form, "redirect_uri") != grant.redirect_uri) {
    return TokenError(400, "invalid_grant", "Invalid redirect URI");
  }
  if (!grant.code_challenge.empty() &&
      ChallengeOf(FieldOf(form, "code_verifier")) != grant.code_challenge) {
    return TokenError(400, "invalid_grant", "code_verifier was incorrect");
  }
  grant.is_used = true;
  listener = grant.listener;
  return std::nullopt;
}

Content Accounts::Tokens(const std::string& listener, const std::string& refresh_token) {
  if (expiry_ms_.size() >= kMaxTokens) expiry_ms_.clear();
  const std::string access_token = "access." + listener + "." + std::to_string(serials_[listener]);
  expiry_ms_[access_token] = NowMs() + options_.token_lifetime_s * 1000;
  std::string body = "{\"access_token\":" + Quoted(access_token) +
                     ",\"token_type\":\"Bearer\",\"scope\":\"" + std::string(kScope) +
                     "\",\"expires_in\":" + std::to_string(options_.token_lifetime_s);
  if (!refresh_token.empty()) body += ",\"refresh_token\":" + Quoted(refresh_token);
  return JsonContent(200, body + "}");
}

Content Accounts::Good(const Call& call) {
  const HttpRequest& request = call.request;
  if (request.method != "POST") return TokenError(405, "invalid_request", "POST is needed");
  const NameValues form = ParseForm(request.body);
  if (auto refusal = RefuseClient(request, form)) return *refusal;
  const std::string grant_type = FieldOf(form, "grant_type");
  if (grant_type == "authorization_code") {
    std::string listener;
    if (auto refusal = RedeemCode(form, listener)) return *refusal;
    serials_[listener] = 1;
    refresh_serials_[listener] = 1;
    return Tokens(listener, std::string(kRefreshPrefix) + listener);
  }
  if (grant_type != "refresh_token") {
    return TokenError(400, "unsupported_grant_type", "grant_type parameter is missing or unknown");
  }
  const auto token = ParseRefreshToken(FieldOf(form, "refresh_token"));
  if (!token) return TokenError(400, "invalid_grant", "Invalid refresh token");
  std::int64_t& refresh_serial = refresh_serials_.try_emplace(token->listener, 1).first->second;
  if (token->serial != refresh_serial) {
    return TokenError(400, "invalid_grant", "Refresh token revoked");
  }
  std::int64_t& serial = serials_.try_emplace(token->listener, 1).first->second;
  ++serial;
  std::string next;
  if (call.caller.scenario && call.caller.scenario->name == "rotates") {
    next = std::string(kRefreshPrefix) + token->listener + "~" + std::to_string(++refresh_serial);
  }
  return Tokens(token->listener, next);
}

Content Accounts::Error(int status) const {
  return TokenError(status, status < 500 ? "invalid_request" : "server_error", "Try again later");
}

std::optional<Content> Accounts::Special(const Call& call, const Scenario& scenario) {
  const std::string& name = scenario.name;
  if (name == "invalid_client") return TokenError(400, "invalid_client", "Invalid client");
  if (name == "invalid_grant") {
    const bool is_refresh = FieldOf(ParseForm(call.request.body), "grant_type") == "refresh_token";
    return TokenError(400, "invalid_grant",
                      is_refresh ? "Refresh token revoked" : "Invalid authorization code");
  }
  if (name == "rotates") return Good(call);
  if (name != "expires_in" && name != "type" && name != "scope" && name != "access") {
    return std::nullopt;
  }
  Content content = Good(call);
  if (content.status != 200) return content;
  json::value document = json::parse(content.body);
  json::object& answer = document.as_object();
  if (name == "expires_in") SpoilExpiry(scenario.Argument(0), scenario.Number(0, 3600), answer);
  if (name == "type") answer["token_type"] = scenario.Argument(0);
  if (name == "scope") SpoilScope(scenario.Argument(0), answer);
  if (name == "access") SpoilAccess(scenario.Argument(0), answer);
  content.body = json::serialize(document);
  return content;
}

std::vector<std::string> Accounts::SpecialNames() const {
  return {"invalid_grant", "invalid_client", "rotates", "expires_in", "type", "scope", "access"};
}

Content Accounts::Authorize(const HttpRequest& request) {
  const std::string redirect_uri = request.Parameter("redirect_uri").value_or("");
  const std::string client_id = request.Parameter("client_id").value_or("");
  if (client_id.empty() || redirect_uri.empty() ||
      request.Parameter("response_type").value_or("") != "code" ||
      (!options_.client_id.empty() && client_id != options_.client_id)) {
    return TextContent(400, "text/plain", "INVALID_CLIENT: Invalid client or redirect URI\n");
  }
  const Consent consent = std::exchange(next_consent_, std::nullopt).value_or(Consent{});
  std::string answer = "error=" + PercentEncode(consent.error);
  if (consent.error.empty()) {
    if (grants_.size() >= kMaxTokens) grants_.clear();
    const std::string code = "code-" + std::to_string(grants_.size() + 1);
    Grant grant;
    grant.listener = consent.listener;
    grant.redirect_uri = redirect_uri;
    grant.code_challenge = request.Parameter("code_challenge").value_or("");
    grants_[code] = std::move(grant);
    answer = "code=" + code;
  }
  if (const auto state = request.Parameter("state")) answer += "&state=" + PercentEncode(*state);
  Content content = TextContent(302, "text/plain", "");
  const char* separator = redirect_uri.find('?') == std::string::npos ? "?" : "&";
  content.headers.emplace_back("Location", redirect_uri + separator + answer);
  return content;
}

bool Accounts::IsExpired(const std::string& access_token) const {
  const auto found = expiry_ms_.find(access_token);
  return found != expiry_ms_.end() && found->second <= NowMs();
}

void Accounts::Forget() {
  next_consent_.reset();
  grants_.clear();
  serials_.clear();
  refresh_serials_.clear();
  expiry_ms_.clear();
}

}  // namespace playlog::standins
