// One request that is answered by several neighbours.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/rpc/status.h"
#include "services/gateway/recording_exchange.h"
#include "services/gateway/rpc_exchange.h"
#include "services/gateway/scripted_server.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kProtos[] = R"(
  message Q {}
  message P {}
  message Answer { repeated Item results = 1; repeated int64 counts = 2; }
  message Item { string name = 1; }
  service S {
    option (playlog.options.v1.served_by_sources) = true;
    rpc List(Q) returns (Answer) {
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/list'};
    }
    rpc Look(P) returns (Answer) {
      option idempotency_level = NO_SIDE_EFFECTS;
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/look'};
    }
  })";

class RpcFanOut : public ::testing::Test {
 protected:
  RpcFanOut() : protos_(kProtos), router_(Router::Create(protos_.Services()).value()) {}

  std::string Answer(const std::string& text) {
    return protos_.Make("Answer", text)->SerializeAsString();
  }

  std::shared_ptr<RecordingExchange> Begin(const std::string& path = "/list") {
    auto exchange = std::make_shared<RecordingExchange>();
    AnswerByRpc({&first_.stub(), &second_.stub()},
                {.route = *router_->Find("GET", path).route,
                 .message = *protos_.Make(path == "/list" ? "Q" : "P"),
                 .token = "the-token",
                 .request_id = "the-id",
                 .client_address = "192.0.2.7"},
                exchange);
    return exchange;
  }

  std::shared_ptr<RecordingExchange> Call(const std::string& path = "/list") {
    auto exchange = Begin(path);
    exchange->TakeAll();
    return exchange;
  }

  TestProtos protos_;
  std::unique_ptr<Router> router_;
  ScriptedServer first_;
  ScriptedServer second_;
};

TEST_F(RpcFanOut, AppendsWhatEachNeighbourAnswersInTheirOrder) {
  first_.script().parts = {Answer("results {name: 'a'} counts: [1, 2]")};
  second_.script().parts = {Answer("results {name: 'b'} results {name: 'c'} counts: 3")};
  const auto answer = Call();
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->sent().body,
            R"({"results":[{"name":"a"},{"name":"b"},{"name":"c"}],"counts":[1,2,3]})");
}

TEST_F(RpcFanOut, AnswersWhatOneHasWhereTheOtherHasNothing) {
  first_.script().parts = {""};
  second_.script().parts = {Answer("results {name: 'b'}")};
  EXPECT_EQ(Call()->sent().body, R"({"results":[{"name":"b"}],"counts":[]})");
}

TEST_F(RpcFanOut, TellsEachNeighbourWhoAsks) {
  first_.script().parts = second_.script().parts = {""};
  Call();
  for (ScriptedServer* server : {&first_, &second_}) {
    EXPECT_THAT(server->script().metadata,
                Contains(Pair(rpc::kAuthorizationKey, "Bearer the-token")));
    EXPECT_THAT(server->script().metadata, Contains(Pair(rpc::kRequestIdKey, "the-id")));
  }
}

// The first would never answer, so both are asked at once and the error ends its call.
TEST_F(RpcFanOut, FailsWithTheFirstErrorAndWaitsForNobodyElse) {
  first_.script().hangs = true;
  second_.script().status = rpc::ToGrpc(
      RetryableError(errors::v1::ERROR_CODE_OVERLOADED, "Overloaded", "Wait.", absl::Seconds(7)));
  const auto answer = Call();
  EXPECT_EQ(answer->sent().status, 503);
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Retry-After", "7")));
  EXPECT_THAT(answer->sent().body, HasSubstr(R"("code":"OVERLOADED")"));
}

TEST_F(RpcFanOut, AsksAgainANeighbourThatDroppedWhatMayBeRepeated) {
  first_.script().parts = {Answer("counts: 1")};
  second_.script().parts = {Answer("counts: 2")};
  first_.script().drops = 3;
  second_.script().drops = 1;
  const auto answer = Call("/look");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_THAT(answer->sent().body, HasSubstr(R"("counts":[1,2])"));
}

TEST_F(RpcFanOut, AsksNobodyAFifthTimeAndNoneForWhatMayNotBeRepeated) {
  first_.script().parts = second_.script().parts = {Answer("counts: 1")};
  first_.script().drops = 4;
  EXPECT_NE(Call("/look")->sent().status, 200);
  first_.script().drops = 1;
  EXPECT_NE(Call("/list")->sent().status, 200);
}

TEST_F(RpcFanOut, EndsEveryCallWhenTheClientLeaves) {
  first_.script().hangs = second_.script().hangs = true;
  const auto answer = Begin();
  first_.script().asked.WaitForNotification();
  second_.script().asked.WaitForNotification();
  answer->Cancel();
  first_.script().cancelled.WaitForNotification();
  second_.script().cancelled.WaitForNotification();
  answer->TakeAll();
}

}  // namespace
}  // namespace playlog::gateway
