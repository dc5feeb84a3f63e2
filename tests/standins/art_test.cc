// The pictures of albums, where they lie and what they look like.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/standins/standins_fixture.h"

namespace playlog::standins {
namespace {

using ::testing::IsSupersetOf;
using ::testing::StartsWith;

// The pictures' addresses in an answer, without those that are empty.
std::vector<std::string> Pictures(const std::string& body, const std::string& member) {
  std::vector<std::string> pictures;
  for (std::size_t at = body.find(member); at != std::string::npos;
       at = body.find(member, at + 1)) {
    const std::size_t begin = at + member.size();
    pictures.push_back(body.substr(begin, body.find('"', begin) - begin));
    if (pictures.back().find("/image/") == std::string::npos &&
        pictures.back().find("/i/u/") == std::string::npos) {
      pictures.pop_back();
    }
  }
  return pictures;
}

TEST_F(StandinsTest, AlbumArtLiesAtTheRealServersUnlessItIsDrawnHere) {
  for (const std::string& picture : Pictures(BodyOf(Spotify("alice")), "\"url\":\"")) {
    EXPECT_THAT(picture, StartsWith("https://i.scdn.co/image/"));
  }
  for (const std::string& picture : Pictures(BodyOf(Lastfm("alice")), "\"#text\":\"")) {
    EXPECT_THAT(picture, StartsWith("https://lastfm.freetls.fastly.net/i/u/"));
  }
  EXPECT_EQ(Send("GET /art/image/of-nothing HTTP/1.1\r\nHost: localhost:1").status, 404);
}

TEST(StandinsArtTest, TheSameAlbumLooksTheSameInEverySizeAtBothServices) {
  WorldOptions options = Options();
  options.draw_art = true;
  World world(options);
  const auto ask = [&world](const std::string& head) {
    return world.Handle(*ParseHead(head + " HTTP/1.1\r\nHost: localhost:1"));
  };
  const std::string spotify = BodyOf(
      world.Handle(*ParseHead("GET /spotify/v1/me/player/recently-played?limit=50 HTTP/1.1\r\n"
                              "Host: localhost:1\r\nAuthorization: Bearer alice")));
  const std::string lastfm = BodyOf(ask(
      "GET /lastfm/2.0/?method=user.getrecenttracks&format=json&api_key=k&user=alice&limit=50"));
  std::set<std::string> drawings[2];
  std::set<std::string> widths;
  for (const bool is_spotify : {false, true}) {
    const std::vector<std::string> pictures =
        Pictures(is_spotify ? spotify : lastfm, is_spotify ? "\"url\":\"" : "\"#text\":\"");
    EXPECT_FALSE(pictures.empty());
    for (const std::string& picture : pictures) {
      const std::string address = "http://localhost:1";
      ASSERT_THAT(picture, StartsWith(address + "/art/"));
      const Answer answer = ask("GET " + picture.substr(address.size()));
      const std::string svg = BodyOf(answer);
      ASSERT_EQ(answer.status, 200) << picture;
      drawings[is_spotify ? 1 : 0].insert(svg.substr(svg.find("viewBox")));
      widths.insert(svg.substr(svg.find("width"), 11));
    }
  }
  EXPECT_EQ(drawings[0], drawings[1]);
  EXPECT_GT(drawings[0].size(), 10u);
  EXPECT_THAT(widths, IsSupersetOf({"width=\"34\" ", "width=\"64\" ", "width=\"174\"",
                                    "width=\"300\"", "width=\"640\""}));
}

}  // namespace
}  // namespace playlog::standins
