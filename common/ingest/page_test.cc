#include "common/ingest/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/http/client.h"
#include "common/ingest/json.h"
#include "common/ingest/song_store_client.h"
#include "common/ingest/source.h"

namespace playlog::ingest {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using ::testing::SizeIs;

TEST(RetryAfter, IsOneFieldOfWholeSeconds) {
  const auto read = [](std::vector<std::string> values) {
    http::Response response{.status = 429};
    for (std::string& value : values) response.headers.push_back({"retry-after", value});
    return ReadRetryAfter(response);
  };
  EXPECT_THAT(read({"3"}), Optional(absl::Seconds(3)));
  EXPECT_THAT(read({"86400"}), Optional(absl::Seconds(86'400)));
  EXPECT_THAT(read({"2592000"}), Optional(absl::Hours(720)));
  for (const char* value : {"", "-1", "abc", "0", "1e9", "1000000000", "2592001", "+3", "3.5", "3 ",
                            "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999"}) {
    EXPECT_THAT(read({value}), Eq(std::nullopt)) << value;
  }
  EXPECT_THAT(read({}), Eq(std::nullopt));
  EXPECT_THAT(read({"3", "60"}), Eq(std::nullopt));
}

TEST(ParseJson, KeepsKeysOfDifferentObjectsApart) {
  EXPECT_TRUE(ParseJson(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})").has_value());
  EXPECT_FALSE(ParseJson(R"({"a":1,"\u0061":2})").has_value());
  EXPECT_FALSE(ParseJson(R"({"b":{"a":1,"a":2}})").has_value());
  EXPECT_TRUE(ParseJson(" [1] \r\n").has_value());
}

std::vector<songs::v1::Play> MakePlays(int count, std::size_t url_bytes) {
  std::vector<songs::v1::Play> plays(static_cast<std::size_t>(count));
  for (songs::v1::Play& play : plays) {
    play.set_title("t");
    play.set_track_url(std::string(url_bytes, 'x'));
  }
  return plays;
}

TEST(MakeBatches, SplitsByNumberAndBySize) {
  EXPECT_THAT(MakeBatches(7, songs::v1::SOURCE_SPOTIFY, kFetchOrigin, {}), SizeIs(0));
  const auto by_number = MakeBatches(7, songs::v1::SOURCE_LASTFM, kSyncOrigin, MakePlays(2001, 1));
  ASSERT_THAT(by_number, SizeIs(3));
  EXPECT_EQ(by_number[0].plays_size(), 1000);
  EXPECT_EQ(by_number[2].plays_size(), 1);
  EXPECT_EQ(by_number[2].user_id(), 7);
  EXPECT_EQ(by_number[2].source(), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(by_number[2].origin(), kSyncOrigin);
  int plays = 0;
  for (const auto& batch :
       MakeBatches(7, songs::v1::SOURCE_LASTFM, kFetchOrigin, MakePlays(1000, 10'000))) {
    EXPECT_LT(batch.ByteSizeLong(), 1U << 20);
    plays += batch.plays_size();
  }
  EXPECT_EQ(plays, 1000);
}

}  // namespace
}  // namespace playlog::ingest
