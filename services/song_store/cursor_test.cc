#include "services/song_store/cursor.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/base/strings.h"
#include "common/testing/matchers.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::StatusIs;
using songs::v1::SOURCE_LASTFM;
using songs::v1::SOURCE_SPOTIFY;
using songs::v1::SOURCE_UNSPECIFIED;

constexpr Position kPosition{1'705'329'000'123'456, 42};

CursorCodec Codec(char last = 'k') {
  return *CursorCodec::Create(Secret("3f9a71c04be852d6f0a17c39e6b4d82" + std::string(1, last)));
}

TEST(Cursor, ComesBackAsThePositionItWasMadeOf) {
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
  for (const Position position : {kPosition, Position{-1, 1}, Position{max, max}, Position{}}) {
    const std::string cursor = Codec().Encode(7, SOURCE_SPOTIFY, position);
    EXPECT_EQ(Codec().Decode(7, SOURCE_SPOTIFY, cursor), position);
  }
}

TEST(Cursor, IsGoodForItsUserFilterAndKeyOnly) {
  const std::string cursor = Codec().Encode(7, SOURCE_SPOTIFY, kPosition);
  EXPECT_FALSE(Codec().Decode(8, SOURCE_SPOTIFY, cursor).has_value());
  EXPECT_FALSE(Codec().Decode(7, SOURCE_LASTFM, cursor).has_value());
  EXPECT_FALSE(Codec().Decode(7, SOURCE_UNSPECIFIED, cursor).has_value());
  EXPECT_FALSE(Codec('x').Decode(7, SOURCE_SPOTIFY, cursor).has_value());
}

TEST(Cursor, IsRefusedWithAnyBitFlipped) {
  const std::string bytes = *Base64UrlDecode(Codec().Encode(7, SOURCE_SPOTIFY, kPosition));
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, Base64UrlEncode(flipped)).has_value()) << bit;
  }
}

TEST(Cursor, IsRefusedAtAnyOtherLength) {
  const std::string cursor = Codec().Encode(7, SOURCE_SPOTIFY, kPosition);
  for (std::size_t length = 0; length < cursor.size(); ++length) {
    EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, cursor.substr(0, length)).has_value());
  }
  EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, cursor + "A").has_value());
  EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, cursor + "AAAA").has_value());
  EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, "garbage!").has_value());
  EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, std::string(100'000, 'A')).has_value());
}

TEST(Cursor, OfAPlaceIsGoodForItsScopeAndKeyOnly) {
  for (const std::string& place : {std::string(), std::string("a\0b", 3), std::string(900, 'x')}) {
    const std::string cursor = Codec().EncodePlace("scope", place);
    EXPECT_EQ(Codec().DecodePlace("scope", cursor), place);
    EXPECT_FALSE(Codec().DecodePlace("scop", cursor).has_value());
    EXPECT_FALSE(Codec().DecodePlace("scope2", cursor).has_value());
    EXPECT_FALSE(Codec('x').DecodePlace("scope", cursor).has_value());
    EXPECT_FALSE(Codec().Decode(7, SOURCE_SPOTIFY, cursor).has_value());
  }
  // What moves between the scope and the place is noticed.
  const std::string bytes = *Base64UrlDecode(Codec().EncodePlace("scope", "place"));
  EXPECT_FALSE(
      Codec().DecodePlace("scopep", Base64UrlEncode(bytes.substr(0, 32) + "lace")).has_value());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(Codec().DecodePlace("scope", Base64UrlEncode(flipped)).has_value()) << bit;
  }
  EXPECT_FALSE(Codec().DecodePlace("scope", "").has_value());
  EXPECT_FALSE(Codec().DecodePlace("scope", "garbage!").has_value());
}

TEST(Cursor, NeedsALongAndRandomKey) {
  EXPECT_THAT(CursorCodec::Create(Secret("3f9a71c04be852d6f0a17c39e6b4d8")).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CursorCodec::Create(Secret(std::string(64, 'k'))).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace playlog::song_store
