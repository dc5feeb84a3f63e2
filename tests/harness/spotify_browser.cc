#include "tests/harness/spotify_browser.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace playlog::harness {
namespace {

constexpr char kPublicUrl[] = "http://127.0.0.1:8000";

// "http://127.0.0.1:1234/path" taken apart.
std::pair<int, std::string> Split(const std::string& url) {
  const std::string scheme = "http://127.0.0.1:";
  const std::size_t path = url.find('/', scheme.size());
  int port = 0;
  if (!url.starts_with(scheme) || path == std::string::npos ||
      !absl::SimpleAtoi(url.substr(scheme.size(), path - scheme.size()), &port)) {
    ADD_FAILURE() << "not an address of the stand-ins: " << url;
    return {0, "/"};
  }
  return {port, url.substr(path)};
}

}  // namespace

std::string SpotifyBrowser::Begin(const User& user) {
  const HttpAnswer answer = Api(stack_.http_port()).Get("/users/spotify/connect/", user.access);
  EXPECT_EQ(answer.status, 200) << answer.body;
  const std::string set_cookie = answer.Header("set-cookie");
  cookie_ = set_cookie.substr(0, set_cookie.find(';'));
  return Member(answer.body, "authorize_url");
}

std::string SpotifyBrowser::Authorize(const std::string& authorize_url) const {
  const auto [port, target] = Split(authorize_url);
  const HttpAnswer answer = Exchange(port, RequestText("GET", target, ""));
  const std::string location = answer.Header("location");
  if (answer.status != 302 || !location.starts_with(kPublicUrl)) {
    ADD_FAILURE() << "the stand-in does not send back: " << answer.status << " " << location << " "
                  << answer.body;
    return "/";
  }
  return location.substr(std::string(kPublicUrl).size());
}

std::string SpotifyBrowser::Allow(const std::string& authorize_url,
                                  const std::string& listener) const {
  boost::json::object consent;
  consent["listener"] = listener;
  stack_.standins().Post("authorize", std::move(consent));
  return Authorize(authorize_url);
}

std::string SpotifyBrowser::Refuse(const std::string& authorize_url,
                                   const std::string& error) const {
  boost::json::object consent;
  consent["error"] = error;
  stack_.standins().Post("authorize", std::move(consent));
  return Authorize(authorize_url);
}

HttpAnswer SpotifyBrowser::Return(const std::string& target) const {
  const std::string field =
      cookie_.empty() ? std::string() : absl::StrCat("Cookie: ", cookie_, "\r\n");
  return Exchange(stack_.http_port(), RequestText("GET", target, "", {}, field));
}

HttpAnswer SpotifyBrowser::Connect(const User& user, const std::string& listener) {
  return Return(Allow(Begin(user), listener));
}

}  // namespace playlog::harness
