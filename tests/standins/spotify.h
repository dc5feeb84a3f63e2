#ifndef PLAYLOG_TESTS_STANDINS_SPOTIFY_H_
#define PLAYLOG_TESTS_STANDINS_SPOTIFY_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/library.h"
#include "tests/standins/service.h"

namespace playlog::standins {

// An access token of the accounts service, taken apart: "access.NAME.2".
struct AccessToken {
  std::string listener;     // The whole text when the token was not issued by the accounts service.
  std::int64_t serial = 0;  // 0 for a token not issued.
};
AccessToken ParseAccessToken(std::string_view text);

// GET /v1/me/player/recently-played.
class Spotify final : public Service {
 public:
  // `is_expired` tells whether the accounts service issued the token, too long ago.
  Spotify(Library& library, std::function<bool(const std::string&)> is_expired);

  std::string_view name() const override { return "spotify"; }
  Caller CallerOf(const HttpRequest& request) const override;
  Content Good(const Call& call) override;
  Content Error(int status) const override;
  std::optional<Content> Special(const Call& call, const Scenario& scenario) override;
  std::vector<std::string> SpecialNames() const override;

 private:
  std::string Item(const Play& play, const std::string& listener) const;

  Library& library_;
  const std::function<bool(const std::string&)> is_expired_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SPOTIFY_H_
