#include "services/gateway/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "playlog/auth/v1/api_key_service.pb.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::EqualsProto;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

constexpr char kGood[] = R"({"service_name":"spotify","api_key":"k"})";

absl::Status Read(const std::string& json) {
  auth::v1::StoreApiKeyRequest request;
  return ReadJson(json, request);
}

TEST(JsonReader, ReadsADocumentedRequest) {
  auth::v1::StoreApiKeyRequest request;
  ASSERT_THAT(ReadJson(R"( {
          "service_name": "lastfm",
          "api_key": "YOUR_LASTFM_API_KEY",
          "service_user_id": "your_lastfm_username"
        } )",
                       request),
              IsOk());
  EXPECT_THAT(request, EqualsProto(R"pb(service_name: SOURCE_LASTFM
                                        api_key: "YOUR_LASTFM_API_KEY"
                                        service_user_id: "your_lastfm_username")pb"));
}

TEST(JsonReader, LeavesOutWhatIsMissingOrNull) {
  auth::v1::StoreApiKeyRequest request;
  ASSERT_THAT(ReadJson("{}", request), IsOk());
  ASSERT_THAT(ReadJson(R"({"service_user_id":null})", request), IsOk());
  EXPECT_THAT(request, EqualsProto(""));
  ASSERT_THAT(ReadJson(R"({"service_user_id":""})", request), IsOk());
  EXPECT_THAT(request, EqualsProto("service_user_id: ''"));
}

struct Row {
  std::string id;
  std::vector<std::string> texts;
};

std::string InKey(const std::string& bytes) {
  return "{\"service_name\":\"spotify\",\"api_key\":\"" + bytes + "\"}";
}

TEST(JsonReader, RefusesInvalidJson) {
  const std::vector<Row> rows = {
      {"J01", {"", " ", "\n\t\r "}},
      {"J02", {"null", "1", "\"a\"", "[]", "true", "1.5", "18446744073709551615", "[{}]"}},
      {"J04", {"{'service_name':'spotify'}", "{service_name:\"spotify\"}"}},
      {"J05", {"{/*c*/\"service_name\":\"spotify\"}", "// c\n{}", "{} // c"}},
      {"J06", {"{}{}", "{\"a\":1} x", "{} null", "{},"}},
      {"J07",
       {R"({"service_name":"spotify","service_name":"lastfm"})", R"({"a":{"b":1,"b":2}})",
        R"({"api_key":"a","api_ke\u0079":"b"})", R"({"x":[{"":1,"":1}]})"}},
      {"J08", {"{\"api_key\":NaN}", "{\"api_key\":Infinity}", "{\"a\":-Infinity}", "{\"a\":nan}"}},
      {"J09", {"{\"api_key\":1e400}", "{\"a\":-1e400}", "{\"a\":1e99999999999999999999}"}},
      {"J10",
       {"{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":0x1}", "{\"a\":-}",
        "{\"a\":1e}"}},
      {"J12", {InKey(std::string("a\0b", 3)), InKey("a\nb"), InKey("a\tb"), InKey("\x1F")}},
      {"J15", {InKey("\\x41"), InKey("\\u12"), InKey("\\uZZZZ"), InKey("\\")}},
      {"J16",
       {InKey("\xFF"), InKey("\xC0\xAF"), InKey("\xED\xA0\x80"), InKey("\xF4\x90\x80\x80"),
        InKey("\xE2\x82"), InKey("\\ud800"), InKey("\\ud800x"), InKey("\\udc00"),
        InKey("\\ud800\\ud800"), "{\"\xFF\":1}"}},
      {"J17", {std::string("\xEF\xBB\xBF") + kGood}},
      {"J18", {std::string("{\0\"\0a\0\"\0:\0001\0}\0", 14), std::string("\xFF\xFE{\0}\0", 6)}},
      {"J19", {"{\"a\":", "{\"a\":\"x", "{", "{\"a\"", "{\"a\":1", "{\"a\":tru"}},
      {"commas", {"{\"a\":1,}", "{,}", "{\"a\":[1,]}", "{\"a\" 1}", "{\"a\":True}"}},
  };
  for (const Row& row : rows) {
    for (const std::string& text : row.texts) {
      EXPECT_THAT(Read(text), ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON))
          << row.id << " " << text;
    }
  }
}

TEST(JsonReader, NamesADuplicateKey) {
  EXPECT_EQ(Read(R"({"api_key":"a","api_key":"b"})").message(),
            "Invalid JSON: the key api_key stands twice");
}

TEST(JsonReader, HoldsItsLimits) {
  const auto nested = [](std::size_t levels) {
    return std::string("{\"x\":") + std::string(levels - 1, '[') + std::string(levels - 1, ']') +
           "}";
  };
  EXPECT_THAT(Read(nested(32)), ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  EXPECT_THAT(Read(nested(33)), ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
  EXPECT_THAT(Read(std::string(100'000, '[')), ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
  std::string members = "{\"m\":0";
  for (int i = 1; i < 1000; ++i) members += ",\"m" + std::to_string(i) + "\":0";
  EXPECT_THAT(Read(members + "}"), ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  EXPECT_THAT(Read(members + ",\"last\":0}"), ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
}

TEST(JsonReader, NamesUnknownFields) {
  const std::pair<std::string, std::string> rows[] = {
      {R"({"is_admin":true})", "Unknown field: is_admin"},
      {R"({"service_name":"spotify","user_id":2})", "Unknown field: user_id"},
      {R"({"__proto__":{}})", "Unknown field: __proto__"},
      {R"({"serviceName":"spotify"})", "Unknown field: serviceName"},
      {R"({"API_KEY":"k"})", "Unknown field: API_KEY"},
      {R"({"":1})", "Unknown field: "},
  };
  for (const auto& [json, text] : rows) {
    const absl::Status status = Read(json);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
    EXPECT_EQ(status.message(), text);
  }
}

TEST(JsonReader, CutsLongNamesInItsErrors) {
  const absl::Status status = Read("{\"" + std::string(63, 'x') + "\xC3\xA9yz\":1}");
  EXPECT_EQ(status.message(), "Unknown field: " + std::string(63, 'x') + "…");
}

TEST(JsonReader, NamesFieldsOfTheWrongType) {
  for (const std::string value :
       {"null", "1", "[]", "{}", "\"\"", "\"Spotify\"", "\"SOURCE_SPOTIFY\"", "\"unspecified\"",
        "\"spotify\\u0000\"", "true", "[\"spotify\"]"}) {
    const absl::Status status = Read("{\"service_name\":" + value + "}");
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << value;
    EXPECT_EQ(status.message(), "Invalid service_name: must be spotify or lastfm") << value;
    EXPECT_EQ(FieldOf(status), "service_name");
  }
  for (const std::string value : {"null", "1", "1.5", "[]", "{}", "false"}) {
    EXPECT_EQ(Read("{\"api_key\":" + value + "}").message(), "Invalid api_key: must be a string");
  }
  EXPECT_EQ(Read("{\"api_key\":\"ab\\u0000cd\"}").message(),
            "Invalid api_key: must be text without the character U+0000");
}

TEST(JsonReader, ReportsTheFirstWrongFieldUnlessTheTextIsInvalid) {
  EXPECT_EQ(FieldOf(Read(R"({"api_key":1,"service_name":2,"x":3})")), "api_key");
  EXPECT_THAT(Read(R"({"api_key":1,"service_name":)"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
}

TEST(JsonReader, ReadsEscapesAndLongStrings) {
  auth::v1::StoreApiKeyRequest request;
  const std::string text(100'000, 'x');
  ASSERT_THAT(ReadJson(R"({"api_key":"\u0041\n\"\\\/\ud83c\udfb5é)" + text + "\"}", request),
              IsOk());
  EXPECT_EQ(request.api_key(), "A\n\"\\/\xF0\x9F\x8E\xB5\xC3\xA9" + text);
}

constexpr char kKinds[] = R"(
  enum Color { COLOR_UNSPECIFIED = 0; COLOR_DARK_RED = 1; COLOR_BLUE = 2; COLOR_RED = 3; }
  message Kinds {
    bool flag = 1; int32 i32 = 2; int64 i64 = 3; uint32 u32 = 4; uint64 u64 = 5;
    float real = 12; double number = 13; bytes data = 14; Color color = 15;
    optional int32 maybe = 16; Kinds inner = 18; repeated Kinds more = 19;
    repeated int32 numbers = 20; repeated Color colors = 23;
    repeated google.protobuf.Timestamp times = 24; map<string, int32> counts = 25;
    map<string, Kinds> named = 26; google.protobuf.Timestamp at = 30;
    map<int32, string> by_number = 31;
  }
)";

class KindsReader : public ::testing::Test {
 protected:
  absl::Status Read(const std::string& json) {
    message_ = protos_.Make("Kinds");
    return ReadJson(json, *message_);
  }
  // The message that the JSON makes, in Protobuf's text format on one line.
  std::string Text(const std::string& json) {
    EXPECT_THAT(Read(json), IsOk()) << json;
    return message_->ShortDebugString();
  }
  std::string Wrong(const std::string& json) {
    const absl::Status status = Read(json);
    EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_INVALID_FIELD)) << json;
    return std::string(status.message());
  }

  TestProtos protos_{kKinds};
  std::unique_ptr<google::protobuf::Message> message_;
};

TEST_F(KindsReader, ReadsTheEdgesOfEveryNumber) {
  EXPECT_EQ(Text(R"({"i32":-2147483648,"i64":9223372036854775807,"u32":4294967295,)"
                 R"("u64":18446744073709551615,"maybe":-0,"flag":true})"),
            "flag: true i32: -2147483648 i64: 9223372036854775807 u32: 4294967295 "
            "u64: 18446744073709551615 maybe: 0");
  EXPECT_EQ(Text(R"({"number":0.1,"real":1})"), "real: 1 number: 0.1");
  EXPECT_EQ(Text(R"({"number":123456789.123456789e-3})"), "number: 123456.78912345679");
  EXPECT_EQ(Text(R"({"i64":-9223372036854775808})"), "i64: -9223372036854775808");
}

TEST_F(KindsReader, RefusesNumbersThatDoNotFit) {
  EXPECT_EQ(Wrong(R"({"i32":2147483648})"),
            "Invalid i32: must be an integer from -2147483648 to 2147483647");
  EXPECT_EQ(Wrong(R"({"u32":-1})"), "Invalid u32: must be an integer from 0 to 4294967295");
  for (const std::string value :
       {"5.5", "5.0", "1e2", "\"5\"", "null", "true", "[1]", "99999999999999999999"}) {
    EXPECT_EQ(Wrong("{\"i64\":" + value + "}"), "Invalid i64: must be an integer") << value;
  }
  EXPECT_EQ(Wrong(R"({"i64":18446744073709551615})"),
            "Invalid i64: must be an integer from -9223372036854775808 to 9223372036854775807");
  EXPECT_EQ(Wrong(R"({"real":1e39})"), "Invalid real: must be a number");
  EXPECT_EQ(Wrong(R"({"number":"1"})"), "Invalid number: must be a number");
  EXPECT_EQ(Wrong(R"({"flag":"true"})"), "Invalid flag: must be true or false");
  EXPECT_EQ(Wrong(R"({"flag":0})"), "Invalid flag: must be true or false");
}

TEST_F(KindsReader, ReadsEnumsTimesAndBytes) {
  EXPECT_EQ(Text(R"({"color":"dark_red","colors":["blue"],"data":"AP8="})"),
            "data: \"\\000\\377\" color: COLOR_DARK_RED colors: COLOR_BLUE");
  EXPECT_EQ(Text(R"({"data":"_-8"})"), "data: \"\\377\\357\"");
  EXPECT_EQ(Text(R"({"at":"2024-01-15T15:30:00.5+01:00","times":["1969-12-31T23:59:59.25Z"]})"),
            "times { seconds: -1 nanos: 250000000 } at { seconds: 1705329000 nanos: 500000000 }");
  EXPECT_EQ(Wrong(R"({"color":1})"), "Invalid color: must be dark_red, blue or red");
  EXPECT_EQ(Wrong(R"({"data":"?"})"), "Invalid data: must be a string in base64");
  for (const std::string value :
       {"\"2024-01-15\"", "\"2024-02-30T00:00:00Z\"", "\"2024-01-15T14:30:00\"", "\"now\"", "{}",
        "1705329000", "\"0000-12-31T23:59:59Z\"", "\"9999-12-31T23:59:59-01:00\""}) {
    EXPECT_EQ(Wrong("{\"at\":" + value + "}"),
              "Invalid at: must be an RFC 3339 time such as 2024-01-15T14:30:00Z")
        << value;
  }
}

TEST_F(KindsReader, ReadsNestedRepeatedAndMapFields) {
  EXPECT_EQ(Text(R"({"inner":{"inner":{"i32":1}},"more":[{"i32":2},{}],"numbers":[3,4],)"
                 R"("counts":{"a":5},"named":{"b":{"i32":6}}})"),
            "inner { inner { i32: 1 } } more { i32: 2 } more { } numbers: 3 numbers: 4 "
            "counts { key: \"a\" value: 5 } named { key: \"b\" value { i32: 6 } }");
  EXPECT_EQ(Text(R"({"inner":null,"at":null,"maybe":null,"more":[],"counts":{}})"), "");
}

TEST_F(KindsReader, NamesWrongFieldsByTheirPlace) {
  EXPECT_EQ(Wrong(R"({"more":[{},{"inner":{"i32":"x"}}]})"),
            "Invalid more[1].inner.i32: must be an integer");
  EXPECT_EQ(Wrong(R"({"numbers":[1,null]})"), "Invalid numbers[1]: must be an integer");
  EXPECT_EQ(Wrong(R"({"numbers":[[1]]})"), "Invalid numbers[0]: must be an integer");
  EXPECT_EQ(Wrong(R"({"more":[null]})"), "Invalid more[0]: must be an object");
  EXPECT_EQ(Wrong(R"({"more":{}})"), "Invalid more: must be an array");
  EXPECT_EQ(Wrong(R"({"numbers":1})"), "Invalid numbers: must be an array");
  EXPECT_EQ(Wrong(R"({"numbers":null})"), "Invalid numbers: must be an array");
  EXPECT_EQ(Wrong(R"({"inner":[]})"), "Invalid inner: must be an object");
  EXPECT_EQ(Wrong(R"({"inner":"x"})"), "Invalid inner: must be an object");
  EXPECT_EQ(Wrong(R"({"counts":[]})"), "Invalid counts: must be an object");
  EXPECT_EQ(Wrong(R"({"counts":1})"), "Invalid counts: must be an object");
  EXPECT_EQ(Wrong(R"({"counts":{"a":"x"}})"), "Invalid counts.a: must be an integer");
  EXPECT_EQ(Wrong(R"({"named":{"a":null}})"), "Invalid named.a: must be an object");
  const absl::Status status = Read(R"({"more":[{"x":1}]})");
  EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  EXPECT_EQ(status.message(), "Unknown field: more[0].x");
}

TEST_F(KindsReader, LimitsTheElementsOfAnArray) {
  std::string elements = "0";
  for (int i = 1; i < 10'000; ++i) elements += ",0";
  EXPECT_THAT(Read("{\"numbers\":[" + elements + "]}"), IsOk());
  EXPECT_THAT(Read("{\"numbers\":[" + elements + ",0]}"),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_JSON));
}

TEST_F(KindsReader, HidesFieldsThatTheBodyDoesNotHave) {
  message_ = protos_.Make("Kinds");
  const google::protobuf::FieldDescriptor* hidden[] = {
      message_->GetDescriptor()->FindFieldByName("i32")};
  EXPECT_THAT(ReadJson(R"({"i32":1})", *message_, hidden),
              ErrorIs(errors::v1::ERROR_CODE_UNKNOWN_FIELD));
  EXPECT_THAT(ReadJson(R"({"inner":{"i32":1}})", *message_, hidden), IsOk());
}

}  // namespace
}  // namespace playlog::gateway
