#include "services/auth/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/error.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::testing::Optional;
using namespace std::string_literals;

TEST(ServiceName, IsSpotifyOrLastfm) {
  EXPECT_THAT(ServiceNameOf(songs::v1::SOURCE_SPOTIFY), IsOkAndHolds("spotify"s));
  EXPECT_THAT(ServiceNameOf(songs::v1::SOURCE_LASTFM), IsOkAndHolds("lastfm"s));
  for (const int other : {0, 3, -1, 77}) {
    const auto name = ServiceNameOf(static_cast<songs::v1::Source>(other));
    EXPECT_THAT(name, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD));
    EXPECT_EQ(FieldOf(name.status()), "service_name");
  }
  EXPECT_EQ(SourceOf("spotify"), songs::v1::SOURCE_SPOTIFY);
  EXPECT_EQ(SourceOf("lastfm"), songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(SourceOf("Spotify"), songs::v1::SOURCE_UNSPECIFIED);
}

TEST(ApiKey, IsPrintableAscii) {
  for (const std::string& key : {"k"s, " k "s, "BQD-_~!\"\\"s, std::string(4096, 'k')}) {
    EXPECT_THAT(CheckApiKey(key), IsOk()) << key;
  }
  for (const std::string& key : {""s, " "s, "    "s, "a\r\nX-Injected: 1"s, "a\nb"s, "a\0b"s,
                                 "a\tb"s, "\u0130"s, "\x7f"s, std::string(4097, 'k')}) {
    const absl::Status status = CheckApiKey(key);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << key;
    EXPECT_EQ(FieldOf(status), "api_key");
    EXPECT_EQ(status.message(),
              "Invalid api_key: must be 1 to 4096 printable ASCII characters, not only spaces");
  }
}

TEST(ServiceUserId, IsTakenLiterally) {
  std::string long_name;
  for (int i = 0; i < 128; ++i) long_name += "\U0001F3B5";
  for (const std::string& id :
       {"rj"s, "a&api_key=x"s, "../x"s, "a b"s, "a#b"s, "é\u00a0"s, long_name}) {
    EXPECT_THAT(ReadServiceUserId(id), IsOkAndHolds(Optional(id))) << id;
  }
  EXPECT_THAT(ReadServiceUserId(""), IsOkAndHolds(std::nullopt));
}

TEST(ServiceUserId, RefusesLongOnesAndControlCharacters) {
  for (const std::string& id : {std::string(129, 'u'), "a\0b"s, "a\nb"s, "\x1b[31m"s, "\x7f"s,
                                "a\u0085b"s, "\u009f"s, "\xff"s, "\xc2"s}) {
    const auto read = ReadServiceUserId(id);
    EXPECT_THAT(read, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << id;
    EXPECT_EQ(FieldOf(read.status()), "service_user_id");
  }
}

}  // namespace
}  // namespace playlog::auth
