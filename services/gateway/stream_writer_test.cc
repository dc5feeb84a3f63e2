// The same document as that of a whole message, written while its parts arrive.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "playlog/songs/v1/song_store_service.pb.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;

constexpr char kPages[] = R"(
  message Page { int32 total = 1; repeated Row rows = 2; Row last = 3; repeated int32 ids = 4;
                 map<string, Row> named = 5; oneof end { string next = 6; bool done = 7; } }
  message Row { int64 id = 1; string name = 2; Row child = 3; }
)";

std::string Streamed(const JsonPlan& plan, const std::vector<std::string>& parts) {
  StreamWriter writer(plan);
  std::string json;
  for (const std::string& part : parts) EXPECT_THAT(writer.Write(part, json), IsOk());
  EXPECT_THAT(writer.Finish(json), IsOk());
  return json;
}

TEST(StreamWriter, WritesAnEmptyStream) {
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(*songs::v1::GetStoredSongsResponse::descriptor());
  EXPECT_EQ(Streamed(*plan, {}), R"({"results":[]})");
  EXPECT_EQ(Streamed(*plan, {"", ""}), R"({"results":[]})");
}

TEST(StreamWriter, WritesPartsAsTheyArrive) {
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(*songs::v1::GetStoredSongsResponse::descriptor());
  songs::v1::GetStoredSongsResponse part;
  part.add_results()->set_title("One");
  std::string song;
  ASSERT_THAT(WriteJson(**plans.Compile(*songs::v1::Song::descriptor()), part.results(0), song),
              IsOk());
  StreamWriter writer(*plan);
  std::string json;
  part.set_next("more");  // Kept until its turn comes.
  ASSERT_THAT(writer.Write(part.SerializeAsString(), json), IsOk());
  EXPECT_EQ(json, "{\"results\":[" + song);
  json.clear();
  part.set_next("last");
  ASSERT_THAT(writer.Write(part.SerializeAsString(), json), IsOk());
  EXPECT_EQ(json, "," + song);
  json.clear();
  ASSERT_THAT(writer.Finish(json), IsOk());
  EXPECT_EQ(json, R"(],"next":"last"})");
}

TEST(StreamWriter, RefusesPartsWhoseTurnIsOver) {
  TestProtos protos(kPages);
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(protos.Type("Page"));
  for (const std::string late : {"total: 1", "rows {id: 1}", "last {}"}) {
    StreamWriter writer(*plan);
    std::string json;
    ASSERT_THAT(writer.Write(protos.Make("Page", "rows {} ids: 1")->SerializeAsString(), json),
                IsOk());
    json = "before";
    EXPECT_THAT(writer.Write(protos.Make("Page", late)->SerializeAsString(), json),
                ErrorIs(errors::v1::ERROR_CODE_INTERNAL))
        << late;
    EXPECT_EQ(json, "before");
  }
}

TEST(StreamWriter, TakesPackedFieldsWithoutElements) {
  TestProtos protos(kPages);
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(protos.Type("Page"));
  const std::string empty("\x22\x00", 2);
  const std::string one("\x22\x01\x07", 3);
  std::string json;
  ASSERT_THAT(WriteJson(*plan, empty + one + empty + one, json), IsOk());
  EXPECT_EQ(json, R"({"total":0,"rows":[],"last":null,"ids":[7,7],"named":{},"next":null,)"
                  R"("done":null})");
  EXPECT_EQ(Streamed(*plan, {empty, one, empty, one}), json);
}

TEST(StreamWriter, KeepsNoMoreThanItsLimit) {
  TestProtos protos(kPages);
  JsonPlans plans;
  StreamWriter writer(**plans.Compile(protos.Type("Page")));
  const std::string part =
      protos.Make("Page", "last {name: '" + std::string(100'000, 'x') + "'}")->SerializeAsString();
  std::string json;
  for (int i = 0; i < 10; ++i) ASSERT_THAT(writer.Write(part, json), IsOk());
  EXPECT_THAT(writer.Write(part, json), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
}

TEST(StreamWriter, WritesTheSameAsTheUnaryWriterHoweverTheMessageIsCut) {
  TestProtos protos(kPages);
  JsonPlans plans;
  const JsonPlan* plan = *plans.Compile(protos.Type("Page"));
  std::mt19937 random(20240115);
  const auto chance = [&random](unsigned one_in) { return random() % one_in == 0; };
  for (int round = 0; round < 500; ++round) {
    // Pieces that may arrive in this order, each of them in a part of its own or with others.
    std::vector<std::string> pieces;
    if (chance(2)) pieces.push_back("total: " + std::to_string(random() % 100));
    for (auto i = random() % 6; i > 0; --i) {
      pieces.push_back("rows {id: " + std::to_string(random()) + " name: 'n\\n' }");
      if (chance(3)) pieces.push_back("last {id: " + std::to_string(random() % 9) + "}");
      if (chance(4)) pieces.push_back("last {child {name: 'c'}}");
      if (chance(4)) pieces.push_back("next: 'n" + std::to_string(random() % 9) + "'");
      if (chance(4)) pieces.push_back("done: true");
      if (chance(4)) {
        pieces.push_back("named {key: 'k" + std::to_string(random() % 3) +
                         "' value {id: " + std::to_string(random() % 9) + "}}");
      }
    }
    for (auto i = random() % 4; i > 0; --i) {
      pieces.push_back("ids: [" + std::to_string(random() % 9) + ", 0]");
    }
    std::vector<std::string> parts(1);
    std::string whole;
    for (const std::string& piece : pieces) {
      const std::string wire = protos.Make("Page", piece)->SerializeAsString();
      whole += wire;
      if (chance(2)) parts.emplace_back();
      parts.back() += wire;
    }
    std::string json;
    ASSERT_THAT(WriteJson(*plan, whole, json), IsOk());
    ASSERT_EQ(Streamed(*plan, parts), json);
  }
}

}  // namespace
}  // namespace playlog::gateway
