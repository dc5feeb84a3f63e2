#ifndef PLAYLOG_TESTS_STANDINS_STANDINS_FIXTURE_H_
#define PLAYLOG_TESTS_STANDINS_STANDINS_FIXTURE_H_

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/standins/world.h"

namespace playlog::standins {

inline constexpr std::int64_t kEndMs = 1'768'478'400'000;  // 2026-01-15T12:00:00Z

inline WorldOptions Options() {
  WorldOptions options;
  options.library.history_end_ms = kEndMs;
  return options;
}

// The body of an answer that is sent in one piece.
inline std::string BodyOf(const Answer& answer) {
  const std::string& bytes = answer.steps.back().bytes;
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string::npos ? "" : bytes.substr(end + 4);
}

// The stand-ins, asked without a socket.
class StandinsTest : public ::testing::Test {
 protected:
  Answer Spotify(const std::string& token, const std::string& query = "?limit=50") {
    return Send("GET /spotify/v1/me/player/recently-played" + query +
                " HTTP/1.1\r\nHost: localhost:1\r\nAuthorization: Bearer " + token);
  }
  Answer Lastfm(const std::string& user, const std::string& more = "&extended=1&limit=200") {
    return Send("GET /lastfm/2.0/?method=user.getrecenttracks&format=json&api_key=k&user=" + user +
                more + " HTTP/1.1\r\nHost: localhost:1");
  }
  Answer Token(const std::string& form) {
    HttpRequest request =
        *ParseHead("POST /spotify-accounts/api/token HTTP/1.1\r\nHost: localhost:1");
    request.body = form + "&client_id=app";
    return world_.Handle(request);
  }
  boost::json::value Control(const std::string& path, const std::string& body) {
    HttpRequest request = *ParseHead("POST /control/" + path + " HTTP/1.1\r\nHost: localhost:1");
    request.body = body;
    const Answer answer = world_.Handle(request);
    EXPECT_EQ(answer.status, 200) << BodyOf(answer);
    return boost::json::parse(BodyOf(answer));
  }
  Answer Send(const std::string& head) { return world_.Handle(*ParseHead(head)); }

  static boost::json::array Items(const Answer& answer) {
    return boost::json::parse(BodyOf(answer)).at("items").as_array();
  }
  static boost::json::array Tracks(const Answer& answer) {
    return boost::json::parse(BodyOf(answer)).at("recenttracks").at("track").as_array();
  }

  World world_{Options()};
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_STANDINS_FIXTURE_H_
