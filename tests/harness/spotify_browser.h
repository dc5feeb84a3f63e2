#ifndef PLAYLOG_TESTS_HARNESS_SPOTIFY_BROWSER_H_
#define PLAYLOG_TESTS_HARNESS_SPOTIFY_BROWSER_H_

#include <string>

#include "tests/harness/api.h"
#include "tests/harness/http_client.h"
#include "tests/harness/stack.h"

namespace playlog::harness {

// A browser with one cookie, in which a user signs in at the stand-in for Spotify.
class SpotifyBrowser {
 public:
  // The stack lives longer than the browser.
  explicit SpotifyBrowser(const Stack& stack) : stack_(stack) {}

  const std::string& cookie() const { return cookie_; }
  void set_cookie(std::string cookie) { cookie_ = std::move(cookie); }

  // Begins a sign-in and returns the address at Spotify; keeps the cookie that came with it. Fails
  // the running test if that does not work.
  std::string Begin(const User& user);
  // Goes there, allows the access to the listener's plays or answers with an error of Spotify's,
  // and returns the path and query that the browser is sent back to.
  std::string Allow(const std::string& authorize_url, const std::string& listener) const;
  std::string Refuse(const std::string& authorize_url, const std::string& error) const;
  // Goes back.
  HttpAnswer Return(const std::string& target) const;

  // All of it.
  HttpAnswer Connect(const User& user, const std::string& listener);

 private:
  std::string Authorize(const std::string& authorize_url) const;

  const Stack& stack_;
  std::string cookie_;  // "name=value"
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_SPOTIFY_BROWSER_H_
