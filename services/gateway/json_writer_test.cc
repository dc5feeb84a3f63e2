#include "services/gateway/json_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "playlog/auth/v1/api_key_service.pb.h"
#include "playlog/auth/v1/user_service.pb.h"
#include "playlog/lastfm/v1/lastfm_ingest_service.pb.h"
#include "playlog/songs/v1/song_store_service.pb.h"
#include "playlog/spotify/v1/spotify_ingest_service.pb.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::TextFormat;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

absl::StatusOr<std::string> ToJson(const Message& message) {
  JsonPlans plans;
  const auto plan = plans.Compile(*message.GetDescriptor());
  if (!plan.ok()) return plan.status();
  std::string json;
  const absl::Status status = WriteJson(**plan, message, json);
  if (!status.ok()) {
    EXPECT_EQ(json, "");
    return status;
  }
  return json;
}

template <class Type>
std::string Documented(const std::string& text) {
  Type message;
  EXPECT_TRUE(TextFormat::ParseFromString(text, &message));
  return ToJson(message).value_or("");
}

TEST(JsonWriter, WritesTheDocumentedSpotifyFetch) {
  EXPECT_EQ(Documented<spotify::v1::FetchRecentlyPlayedResponse>(R"pb(
              message: "Recently played songs fetched and stored successfully."
              data {
                title: "Song Title"
                artist: "Artist Name"
                album: "Album Name"
                album_thumbnail: "https://i.scdn.co/image/..."
                track_url: "https://open.spotify.com/track/..."
                artists_url: "https://open.spotify.com/artist/..."
                duration_ms: 210000
                played_at { seconds: 1705329000 nanos: 123456000 }
                source: SOURCE_SPOTIFY
              })pb"),
            R"({"message":"Recently played songs fetched and stored successfully.","data":[{)"
            R"("title":"Song Title","artist":"Artist Name","album":"Album Name",)"
            R"("album_thumbnail":"https://i.scdn.co/image/...",)"
            R"("track_url":"https://open.spotify.com/track/...",)"
            R"("artists_url":"https://open.spotify.com/artist/...","duration_ms":210000,)"
            R"("played_at":"2024-01-15T14:30:00.123456Z","source":"spotify"}]})");
}

TEST(JsonWriter, WritesTheDocumentedLastfmFetch) {
  EXPECT_EQ(
      Documented<lastfm::v1::FetchRecentTracksResponse>(R"pb(
        message: "Last.fm recent tracks fetched and stored successfully for user 'username'."
        data {
          title: "Song Title"
          artist: "Artist Name"
          album: "Album Name"
          album_thumbnail: "https://lastfm.freetls.fastly.net/i/u/300x300/..."
          track_url: "https://www.last.fm/music/Artist/_/Song"
          played_at: "2024-01-15T14:30:00"
          source: SOURCE_LASTFM
          artist_lastfm_url: "https://www.last.fm/music/Artist"
          track_mbid: "abc123-def456-ghi789"
          artist_mbid: "xyz789-uvw456-rst123"
          album_mbid: "mno345-pqr678-stu901"
          loved: true
          album_thumbnails {
            small: "https://lastfm.freetls.fastly.net/i/u/34s/..."
            medium: "https://lastfm.freetls.fastly.net/i/u/64s/..."
            large: "https://lastfm.freetls.fastly.net/i/u/174s/..."
            extralarge: "https://lastfm.freetls.fastly.net/i/u/300x300/..."
          }
        }
        count: 100)pb"),
      R"({"message":"Last.fm recent tracks fetched and stored successfully for user 'username'.",)"
      R"("data":[{"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
      R"("album_thumbnail":"https://lastfm.freetls.fastly.net/i/u/300x300/...",)"
      R"("track_url":"https://www.last.fm/music/Artist/_/Song","artists_url":"","duration_ms":0,)"
      R"("played_at":"2024-01-15T14:30:00","source":"lastfm",)"
      R"("artist_lastfm_url":"https://www.last.fm/music/Artist",)"
      R"("track_mbid":"abc123-def456-ghi789","artist_mbid":"xyz789-uvw456-rst123",)"
      R"("album_mbid":"mno345-pqr678-stu901","loved":true,"streamable":false,"album_thumbnails":{)"
      R"("small":"https://lastfm.freetls.fastly.net/i/u/34s/...",)"
      R"("medium":"https://lastfm.freetls.fastly.net/i/u/64s/...",)"
      R"("large":"https://lastfm.freetls.fastly.net/i/u/174s/...",)"
      R"("extralarge":"https://lastfm.freetls.fastly.net/i/u/300x300/..."}}],"count":100})");
}

constexpr char kDocumentedSong[] = R"pb(
  id: 123
  title: "Song Title"
  artist: "Artist Name"
  album: "Album Name"
  played_at { seconds: 1705329000 }
  album_thumbnail: "https://..."
  track_url: "https://..."
  artists_url: "https://..."
  duration_ms: 210000
  source: SOURCE_SPOTIFY)pb";

constexpr char kDocumentedSongJson[] =
    R"({"id":123,"title":"Song Title","artist":"Artist Name","album":"Album Name",)"
    R"("played_at":"2024-01-15T14:30:00Z","album_thumbnail":"https://...",)"
    R"("track_url":"https://...","artists_url":"https://...","duration_ms":210000,)"
    R"("source":"spotify","artist_lastfm_url":null,"track_mbid":null,"artist_mbid":null,)"
    R"("album_mbid":null,"loved":false,"streamable":false,"album_thumbnail_small":null,)"
    R"("album_thumbnail_medium":null,"album_thumbnail_large":null,)"
    R"("album_thumbnail_extralarge":null})";

TEST(JsonWriter, WritesTheDocumentedStoredSongs) {
  const std::string song = std::string("results {") + kDocumentedSong + "}";
  EXPECT_EQ(Documented<songs::v1::GetStoredSongsResponse>(song),
            std::string("{\"results\":[") + kDocumentedSongJson + "]}");
}

TEST(JsonWriter, WritesACursorOnlyOfPages) {
  using Response = songs::v1::GetStoredSongsResponse;
  EXPECT_EQ(Documented<Response>(""), R"({"results":[]})");
  EXPECT_EQ(Documented<Response>("next: ''"), R"({"results":[],"next":null})");
  EXPECT_EQ(Documented<Response>("next: 'abc'"), R"({"results":[],"next":"abc"})");
}

TEST(JsonWriter, WritesUsersTokensAndKeys) {
  EXPECT_EQ(Documented<auth::v1::RegisterResponse>("id: 9007199254740993 username: 'ann'"),
            R"({"id":9007199254740993,"username":"ann"})");
  EXPECT_EQ(Documented<auth::v1::CreateTokenResponse>("access: 'a.b.c' refresh: 'r'"),
            R"({"access":"a.b.c","refresh":"r"})");
  EXPECT_EQ(Documented<auth::v1::ListApiKeysResponse>(""), R"({"results":[]})");
  EXPECT_EQ(Documented<auth::v1::StoreApiKeyResponse>(R"pb(service_name: SOURCE_LASTFM
                                                           service_user_id: ""
                                                           created_at { seconds: 0 nanos: 5000000 }
                                                           updated_at {}
                                                           state: KEY_STATE_OK)pb"),
            R"({"service_name":"lastfm","service_user_id":"",)"
            R"("created_at":"1970-01-01T00:00:00.005Z","updated_at":"1970-01-01T00:00:00Z",)"
            R"("state":"ok","advice":""})");
  EXPECT_EQ(Documented<auth::v1::ApiKey>(""),
            R"({"service_name":"unspecified","service_user_id":null,"created_at":null,)"
            R"("updated_at":null,"state":"unspecified","state_since":null,"ends_at":null,)"
            R"("last_success_at":null,"advice":""})");
}

// Every kind of field that the contract may come to have.
constexpr char kKinds[] = R"(
  enum Color { COLOR_UNSPECIFIED = 0; COLOR_DARK_RED = 1; GREEN = 2; }
  message Kinds {
    string last_declared_first = 40;
    bool flag = 1; int32 i32 = 2; int64 i64 = 3; uint32 u32 = 4; uint64 u64 = 5; sint32 s32 = 6;
    sint64 s64 = 7; fixed32 f32 = 8; fixed64 f64 = 9; sfixed32 sf32 = 10; sfixed64 sf64 = 11;
    float real = 12; double number = 13; bytes data = 14; Color color = 15;
    optional int32 maybe = 16; optional Color maybe_color = 17;
    Kinds inner = 18; repeated Kinds more = 19; repeated int32 packed = 20;
    repeated int32 loose = 21 [packed = false]; repeated string words = 22;
    repeated Color colors = 23; repeated google.protobuf.Timestamp times = 24;
    map<string, int32> counts = 25; map<int64, Kinds> by_number = 26;
    oneof one { string text = 27; int32 count = 28; Kinds nested = 29; }
    google.protobuf.Timestamp at = 30; repeated double numbers = 31;
    string blank = 32 [(playlog.options.v1.json_behaviour) = {empty_is_null: true}];
    optional Kinds left_out = 33 [(playlog.options.v1.json_behaviour) = {omit_when_unset: true}];
  }
  message Row { int64 id = 1; string name = 2; Row child = 3; }
  message Empty {}
  message WithDuration { google.protobuf.Duration duration = 1; }
)";

std::string KindsJson(const std::string& text) {
  TestProtos protos(kKinds);
  const auto json = ToJson(*protos.Make("Kinds", text));
  EXPECT_THAT(json, IsOk());
  return json.value_or("");
}

// The value of a member at the top of an object, up to the next member named.
std::string Member(const std::string& json, const std::string& name, const std::string& next) {
  const std::string key = "\"" + name + "\":";
  const std::size_t begin = json.find(key) + key.size();
  return json.substr(begin, json.find(",\"" + next + "\":", begin) - begin);
}

TEST(JsonWriter, PrintsZeroesAndNullsInTheOrderOfDeclaration) {
  EXPECT_EQ(KindsJson(""),
            R"({"last_declared_first":"","flag":false,"i32":0,"i64":0,"u32":0,"u64":0,"s32":0,)"
            R"("s64":0,"f32":0,"f64":0,"sf32":0,"sf64":0,"real":0,"number":0,"data":"",)"
            R"("color":"unspecified","maybe":null,"maybe_color":null,"inner":null,"more":[],)"
            R"("packed":[],"loose":[],"words":[],"colors":[],"times":[],"counts":{},)"
            R"("by_number":{},"text":null,"count":null,"nested":null,"at":null,"numbers":[],)"
            R"("blank":null})");
}

TEST(JsonWriter, PrintsTheEdgesOfEveryNumber) {
  const std::string low = KindsJson(
      "i32: -2147483648 i64: -9223372036854775808 s32: -2147483648 s64: -9223372036854775808 "
      "sf32: -2147483648 sf64: -9223372036854775808 real: -0.1 number: 5e-324 maybe: 0");
  EXPECT_EQ(Member(low, "i32", "u32"), "-2147483648,\"i64\":-9223372036854775808");
  EXPECT_EQ(Member(low, "s32", "f32"), "-2147483648,\"s64\":-9223372036854775808");
  EXPECT_EQ(Member(low, "sf32", "real"), "-2147483648,\"sf64\":-9223372036854775808");
  EXPECT_EQ(Member(low, "real", "data"), "-0.1,\"number\":5e-324");
  EXPECT_EQ(Member(low, "maybe", "maybe_color"), "0");
  const std::string high = KindsJson(
      "flag: true i32: 2147483647 i64: 9223372036854775807 u32: 4294967295 "
      "u64: 18446744073709551615 s32: 2147483647 s64: 9223372036854775807 f32: 4294967295 "
      "f64: 18446744073709551615 number: 0.1");
  EXPECT_EQ(Member(high, "flag", "u32"), "true,\"i32\":2147483647,\"i64\":9223372036854775807");
  EXPECT_EQ(Member(high, "u32", "s32"), "4294967295,\"u64\":18446744073709551615");
  EXPECT_EQ(Member(high, "s32", "f32"), "2147483647,\"s64\":9223372036854775807");
  EXPECT_EQ(Member(high, "f32", "sf32"), "4294967295,\"f64\":18446744073709551615");
  EXPECT_EQ(Member(high, "number", "data"), "0.1");
}

TEST(JsonWriter, PrintsRepeatedFieldsMapsAndOneofs) {
  const std::string json = KindsJson(
      "packed: [1, -1, 0] loose: [7, 8] words: ['a', ''] colors: [COLOR_DARK_RED, GREEN] "
      "times: [{}, {seconds: 1}] numbers: [0.5, 2] counts {key: 'b' value: 2} "
      "counts {key: 'a\"' value: 1} by_number {key: -3 value {flag: true}} count: 0 "
      "color: COLOR_DARK_RED maybe_color: COLOR_UNSPECIFIED");
  EXPECT_EQ(Member(json, "packed", "loose"), "[1,-1,0]");
  EXPECT_EQ(Member(json, "loose", "words"), "[7,8]");
  EXPECT_EQ(Member(json, "words", "colors"), R"(["a",""])");
  EXPECT_EQ(Member(json, "colors", "times"), R"(["dark_red","green"])");
  EXPECT_EQ(Member(json, "times", "counts"), R"(["1970-01-01T00:00:00Z","1970-01-01T00:00:01Z"])");
  EXPECT_EQ(Member(json, "counts", "by_number"), R"({"a\"":1,"b":2})");
  EXPECT_EQ(Member(json, "by_number", "i32"), R"({"-3":{"last_declared_first":"","flag":true)");
  EXPECT_EQ(Member(json, "color", "maybe"), R"("dark_red")");
  EXPECT_EQ(Member(json, "maybe_color", "inner"), R"("unspecified")");
  EXPECT_NE(json.find(R"("text":null,"count":0,"nested":null)"), std::string::npos);
}

TEST(JsonWriter, TakesTheLastOfAOneofAndMergesMessagesThatComeInPieces) {
  TestProtos protos(kKinds);
  const auto first = protos.Make("Kinds", "text: 'a' inner {i32: 1 i64: 2} i32: 5");
  const auto second = protos.Make("Kinds", "count: 3 inner {i32: 9} i32: 6");
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(protos.Type("Kinds"));
  std::string json;
  ASSERT_THAT(WriteJson(*plan, first->SerializeAsString() + second->SerializeAsString(), json),
              IsOk());
  const auto merged = protos.Make("Kinds", "count: 3 inner {i32: 9 i64: 2} i32: 6");
  EXPECT_EQ(json, *ToJson(*merged));
}

TEST(JsonWriter, PrintsTheNumberOfAnEnumValueThatItDoesNotKnow) {
  TestProtos protos(kKinds);
  JsonPlans plans;
  std::string json;
  ASSERT_THAT(WriteJson(**plans.Compile(protos.Type("Kinds")), "\x78\x4D", json), IsOk());
  EXPECT_EQ(Member(json, "color", "maybe"), "77");
}

TEST(JsonWriter, EscapesStringsAndReplacesMalformedUtf8) {
  const auto title = [](const std::string& bytes) {
    auth::v1::RegisterResponse message;
    JsonPlans plans;
    std::string wire = "\x12";
    wire.push_back(static_cast<char>(bytes.size()));
    std::string json;
    EXPECT_THAT(WriteJson(**plans.Compile(*message.GetDescriptor()), wire + bytes, json), IsOk());
    return Member(json, "username", "none").substr(0, json.size() - 1);
  };
  EXPECT_EQ(title("plain text of more than eight bytes"),
            "\"plain text of more than eight bytes\"}");
  EXPECT_EQ(title("\"\\/<>&\b\f\n\r\t\x01\x1F\x7F"),
            "\"\\\"\\\\/<>&\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7F\"}");
  EXPECT_EQ(title(std::string("a\0b", 3)), "\"a\\u0000b\"}");
  EXPECT_EQ(title("\xC3\xA9 \xE2\x80\xA8 \xF0\x9F\x8E\xB5"),
            "\"\xC3\xA9 \xE2\x80\xA8 \xF0\x9F\x8E\xB5\"}");
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(title("a\xFFz"), "\"a" + replacement + "z\"}");
  EXPECT_EQ(title("\xC0\xAF"), "\"" + replacement + replacement + "\"}");
  EXPECT_EQ(title("\xED\xA0\x80"), "\"" + replacement + replacement + replacement + "\"}");
  EXPECT_EQ(title("12345678\xE2\x82"), "\"12345678" + replacement + replacement + "\"}");
  EXPECT_EQ(title("\xF4\x90\x80\x80"),
            "\"" + replacement + replacement + replacement + replacement + "\"}");
}

TEST(JsonWriter, PrintsBytesInBase64) {
  EXPECT_EQ(Member(KindsJson("data: ''"), "data", "color"), "\"\"");
  EXPECT_EQ(Member(KindsJson("data: 'a'"), "data", "color"), "\"YQ==\"");
  EXPECT_EQ(Member(KindsJson("data: 'ab'"), "data", "color"), "\"YWI=\"");
  EXPECT_EQ(Member(KindsJson("data: 'abc'"), "data", "color"), "\"YWJj\"");
  EXPECT_EQ(Member(KindsJson("data: '\\xff\\xfe'"), "data", "color"), "\"//4=\"");
}

TEST(JsonWriter, PrintsTimesWithAsFewDigitsAsTheyNeed) {
  const auto time = [](const std::string& text) {
    return Member(KindsJson("at {" + text + "}"), "at", "numbers");
  };
  EXPECT_EQ(time("seconds: 951782400"), "\"2000-02-29T00:00:00Z\"");
  EXPECT_EQ(time("seconds: -1 nanos: 999999999"), "\"1969-12-31T23:59:59.999999Z\"");
  EXPECT_EQ(time("nanos: 120000000"), "\"1970-01-01T00:00:00.120Z\"");
  EXPECT_EQ(time("nanos: 999"), "\"1970-01-01T00:00:00Z\"");
  EXPECT_EQ(time("seconds: -62135596800"), "\"0001-01-01T00:00:00Z\"");
  EXPECT_EQ(time("seconds: 253402300799"), "\"9999-12-31T23:59:59Z\"");
}

TEST(JsonWriter, RefusesWhatJsonCannotSay) {
  TestProtos protos(kKinds);
  for (const std::string text :
       {"number: inf", "number: nan", "real: -inf", "numbers: [0, nan]",
        "at {seconds: 253402300800}", "at {seconds: -62135596801}", "at {nanos: -1}",
        "at {nanos: 1000000000}", "by_number {key: 1 value {number: inf}}"}) {
    EXPECT_THAT(ToJson(*protos.Make("Kinds", text)), ErrorIs(errors::v1::ERROR_CODE_INTERNAL))
        << text;
  }
}

TEST(JsonWriter, RefusesMalformedWire) {
  TestProtos protos(kKinds);
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(protos.Type("Kinds"));
  const std::string rows[] = {std::string("\x08", 1),
                              "\x12\x05g",
                              std::string("\x00\x01", 2),
                              "\x0B",
                              "\x0C",
                              std::string(11, '\xFF'),
                              std::string("\x61\x00\x00", 3),
                              "\xA2\x01\x01\xFF",
                              "\x92\x01\x02\x08"};
  for (const std::string& row : rows) {
    std::string json = "before";
    EXPECT_THAT(WriteJson(*plan, row, json), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
    EXPECT_EQ(json, "before");
  }
}

TEST(JsonWriter, RefusesNestingBeyondItsDepth) {
  TestProtos protos(kKinds);
  const auto nested = [&protos](int depth) {
    std::string text;
    for (int i = 1; i < depth; ++i) text += "child {";
    return ToJson(
        *protos.Make("Row", text + std::string(static_cast<std::size_t>(depth - 1), '}')));
  };
  EXPECT_THAT(nested(64), IsOk());
  EXPECT_THAT(nested(65), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
}

TEST(JsonWriter, PassesOverUnknownFields) {
  JsonPlans plans;
  std::string json;
  TestProtos protos(kKinds);
  ASSERT_THAT(WriteJson(**plans.Compile(protos.Type("Empty")), "\x0A\x01x\x10\x01", json), IsOk());
  EXPECT_EQ(json, "{}");
}

TEST(JsonPlans, RefuseTypesWithoutAForm) {
  TestProtos protos(kKinds);
  JsonPlans plans;
  EXPECT_THAT(plans.Compile(protos.Type("WithDuration")), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
}

TEST(JsonWriter, LeavesOutWhatTravelsAsACookie) {
  const std::string cookie =
      "[(playlog.options.v1.cookie) = {name: 'a', path: '/', max_age_s: 1}];";
  TestProtos protos("message M { string first = 1 " + cookie +
                    "int32 number = 2; oneof one { string left = 3; string right = 4; }"
                    "string last = 5 " +
                    cookie + "}");
  EXPECT_EQ(ToJson(*protos.Make("M", "first: 'x' number: 1 right: 'r' last: 'y'")).value_or(""),
            R"({"number":1,"left":null,"right":"r"})");
  // The last member of a oneof counts, whatever stands between them.
  std::string wire = protos.Make("M", "left: 'l'")->SerializeAsString();
  wire += protos.Make("M", "first: 'x' right: 'r'")->SerializeAsString();
  JsonPlans plans;
  std::string json;
  ASSERT_THAT(WriteJson(**plans.Compile(protos.Type("M")), wire, json), IsOk());
  EXPECT_EQ(json, R"({"number":0,"left":null,"right":"r"})");
}

}  // namespace
}  // namespace playlog::gateway
