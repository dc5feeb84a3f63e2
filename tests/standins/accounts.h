#ifndef PLAYLOG_TESTS_STANDINS_ACCOUNTS_H_
#define PLAYLOG_TESTS_STANDINS_ACCOUNTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/service.h"

namespace playlog::standins {

// Spotify's accounts service: /authorize and /api/token, as much as a code flow needs.
class Accounts final : public Service {
 public:
  struct Options {
    std::string client_id;      // "" lets any through.
    std::string client_secret;  // "" lets any but "wrong" through.
    std::int64_t token_lifetime_s = 3600;
  };

  // What the next /authorize does.
  struct Consent {
    std::string listener = "demo";
    std::string error;  // "access_denied", or "" to grant.
  };

  explicit Accounts(Options options) : options_(std::move(options)) {}

  std::string_view name() const override { return "accounts"; }
  Caller CallerOf(const HttpRequest& request) const override;
  Content Good(const Call& call) override;
  Content Error(int status) const override;
  std::optional<Content> Special(const Call& call, const Scenario& scenario) override;
  std::vector<std::string> SpecialNames() const override;

  // The redirect back to the client.
  Content Authorize(const HttpRequest& request);
  void SetNextConsent(Consent consent) { next_consent_ = std::move(consent); }

  // Whether an access token was issued here and is past its time.
  bool IsExpired(const std::string& access_token) const;

  void Forget();

 private:
  // What a code was given for.
  struct Grant {
    std::string listener;
    std::string redirect_uri;
    std::string code_challenge;
    bool is_used = false;
  };

  std::optional<Content> RefuseClient(const HttpRequest& request, const NameValues& form) const;
  std::optional<Content> RedeemCode(const NameValues& form, std::string& listener);
  Content Tokens(const std::string& listener, const std::string& refresh_token);

  const Options options_;
  std::optional<Consent> next_consent_;
  std::map<std::string, Grant> grants_;
  std::map<std::string, std::int64_t> serials_;          // The last access token's, by listener.
  std::map<std::string, std::int64_t> refresh_serials_;  // Of those whose tokens rotate.
  std::map<std::string, std::int64_t> expiry_ms_;        // By access token.
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_ACCOUNTS_H_
