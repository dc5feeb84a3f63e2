#include "services/song_store/plays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"
#include "common/testing/matchers.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using songs::v1::Play;
using songs::v1::UpsertSongsRequest;

constexpr auto kInvalidField = errors::v1::ERROR_CODE_INVALID_FIELD;

UpsertSongsRequest RequestWith(const std::vector<std::string>& titles) {
  UpsertSongsRequest request;
  request.set_user_id(1);
  request.set_source(songs::v1::SOURCE_SPOTIFY);
  request.set_origin("fetch");
  for (const std::string& title : titles) {
    Play& play = *request.add_plays();
    play.set_title(title);
    play.set_artist("Artist");
    play.mutable_played_at()->set_seconds(1'705'329'000);
  }
  return request;
}

std::string Repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Digest, IsTheSameForOneTextInBothNormalForms) {
  EXPECT_EQ(Digest("Caf\xC3\xA9", "Beyonc\xC3\xA9"), Digest("Cafe\xCC\x81", "Beyonce\xCC\x81"));
}

TEST(Digest, IgnoresWhiteSpaceAtTheEndsOnly) {
  EXPECT_EQ(Digest(" Title\t",
                   "\xC2\xA0"
                   "Artist\xE3\x80\x80"),
            Digest("Title", "Artist"));
  EXPECT_NE(Digest("A  B", "Artist"), Digest("A B", "Artist"));
}

TEST(Digest, TellsCasesAndBordersApart) {
  EXPECT_NE(Digest("title", "Artist"), Digest("Title", "Artist"));
  EXPECT_NE(Digest("ab", "c"), Digest("a", "bc"));
  EXPECT_NE(Digest("a", ""), Digest("", "a"));
}

TEST(Digest, StaysAsItIsStored) {
  // The stored rows are found by it, so it never changes.
  EXPECT_EQ(Base64UrlEncode(Digest("Title", "Artist")), "YAu4S9FXiiJPvMPBmraTkw");
  EXPECT_EQ(Digest("", "").size(), kDigestBytes);
}

TEST(MakeBatch, TakesTheLongestTexts) {
  const std::string longest = Repeat("\xF0\x9F\x8E\xB5", 1000);
  UpsertSongsRequest request = RequestWith({longest});
  request.mutable_plays(0)->set_artist(longest);
  request.mutable_plays(0)->set_album(longest);
  EXPECT_THAT(MakeBatch(request), IsOk());
}

TEST(MakeBatch, TakesNoPlays) {
  const UpsertSongsRequest request = RequestWith({});
  const auto batch = MakeBatch(request);
  ASSERT_THAT(batch, IsOk());
  EXPECT_TRUE(batch->plays.empty());
}

TEST(MakeBatch, NamesTheFieldThatIsWrong) {
  const struct {
    const char* field;
    void (*spoil)(UpsertSongsRequest&);
  } cases[] = {
      {"user_id", [](UpsertSongsRequest& r) { r.set_user_id(0); }},
      {"source", [](UpsertSongsRequest& r) { r.set_source(songs::v1::SOURCE_UNSPECIFIED); }},
      {"source", [](UpsertSongsRequest& r) { r.set_source(static_cast<songs::v1::Source>(77)); }},
      {"origin", [](UpsertSongsRequest& r) { r.clear_origin(); }},
      {"origin", [](UpsertSongsRequest& r) { r.set_origin("Fetch"); }},
      {"origin", [](UpsertSongsRequest& r) { r.set_origin(std::string(33, 'a')); }},
      {"plays[1].title", [](UpsertSongsRequest& r) { r.mutable_plays(1)->clear_title(); }},
      {"plays[1].title",
       [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_title(std::string(1001, 'a')); }},
      {"plays[1].title",
       [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_title(std::string("a\0b", 3)); }},
      {"plays[1].artist", [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_artist("\xC3"); }},
      {"plays[1].album",
       [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_album(std::string(1001, 'a')); }},
      {"plays[1].track_url",
       [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_track_url(std::string(2049, 'a')); }},
      {"plays[1].played_at", [](UpsertSongsRequest& r) { r.mutable_plays(1)->clear_played_at(); }},
      {"plays[1].played_at",
       [](UpsertSongsRequest& r) {
         r.mutable_plays(1)->mutable_played_at()->set_seconds(253'402'300'800);
       }},
      {"plays[1].played_at",
       [](UpsertSongsRequest& r) {
         r.mutable_plays(1)->mutable_played_at()->set_nanos(1'000'000'000);
       }},
      {"plays[1].duration_ms",
       [](UpsertSongsRequest& r) { r.mutable_plays(1)->set_duration_ms(-1); }},
  };
  for (const auto& wrong : cases) {
    UpsertSongsRequest request = RequestWith({"a", "b"});
    wrong.spoil(request);
    const auto batch = MakeBatch(request);
    EXPECT_THAT(batch, ErrorIs(kInvalidField)) << wrong.field;
    EXPECT_EQ(FieldOf(batch.status()), wrong.field);
  }
}

TEST(MakeBatch, RefusesTooManyPlaysAndTooManyBytes) {
  UpsertSongsRequest request = RequestWith(std::vector<std::string>(1000, "a"));
  EXPECT_THAT(MakeBatch(request), IsOk());
  request = RequestWith(std::vector<std::string>(1001, "a"));
  EXPECT_THAT(MakeBatch(request), ErrorIs(kInvalidField));
  request = RequestWith(std::vector<std::string>(600, std::string(900, 'a')));
  EXPECT_THAT(MakeBatch(request), IsOk());
  for (Play& play : *request.mutable_plays()) play.set_track_url(std::string(900, 'u'));
  EXPECT_THAT(MakeBatch(request), ErrorIs(kInvalidField));
}

TEST(MakeBatch, SortsAndKeepsAPlayOnceAsFirstSpelt) {
  UpsertSongsRequest request = RequestWith({"Caf\xC3\xA9", "Other", " Cafe\xCC\x81 ", "Earlier"});
  request.mutable_plays(0)->set_album("Album");
  request.mutable_plays(2)->set_track_url("https://example.org/");
  request.mutable_plays(3)->mutable_played_at()->set_seconds(5);
  const auto batch = MakeBatch(request);
  ASSERT_THAT(batch, IsOk());
  ASSERT_EQ(batch->plays.size(), 3U);
  EXPECT_EQ(batch->plays[0].play->title(), "Earlier");
  for (const KeyedPlay& keyed : batch->plays) {
    if (keyed.play->title() == "Other" || keyed.play->title() == "Earlier") continue;
    EXPECT_EQ(keyed.play->title(), "Caf\xC3\xA9");
    EXPECT_EQ(keyed.play->album(), "Album");
    EXPECT_EQ(keyed.play->track_url(), "https://example.org/");
  }
  EXPECT_EQ(request.plays(0).track_url(), "");
}

TEST(MakeBatch, CutsTimesToMicroseconds) {
  UpsertSongsRequest request = RequestWith({"a", "a", "a"});
  request.mutable_plays(0)->mutable_played_at()->set_nanos(1'000);
  request.mutable_plays(1)->mutable_played_at()->set_nanos(1'999);
  request.mutable_plays(2)->mutable_played_at()->set_nanos(2'000);
  const auto batch = MakeBatch(request);
  ASSERT_THAT(batch, IsOk());
  EXPECT_EQ(batch->plays.size(), 2U);
}

TEST(Complete, NeverForgetsAndNeverRenames) {
  Play known;
  known.set_title("As first seen");
  known.set_album("Album");
  known.set_duration_ms(5);
  known.set_loved(true);
  Play newer;
  newer.set_title("Otherwise spelt");
  EXPECT_FALSE(Complete(known, newer));
  newer.set_track_url("https://example.org/");
  newer.set_loved(false);
  EXPECT_TRUE(Complete(known, newer));
  EXPECT_FALSE(Complete(known, newer));
  EXPECT_EQ(known.title(), "As first seen");
  EXPECT_EQ(known.album(), "Album");
  EXPECT_EQ(known.duration_ms(), 5);
  EXPECT_EQ(known.track_url(), "https://example.org/");
  EXPECT_FALSE(known.loved());
}

}  // namespace
}  // namespace playlog::song_store
