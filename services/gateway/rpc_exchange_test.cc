#include "services/gateway/rpc_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/status.h"
#include "services/gateway/recording_exchange.h"
#include "services/gateway/scripted_server.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

constexpr char kProtos[] = R"(
  message Q {}
  message Json {
    string text = 1;
    string tie = 2 [(playlog.options.v1.cookie) = {name: 'ticket', path: '/x', max_age_s: 60}];
    int32 number = 3;
  }
  message Event { string text = 1; repeated int32 numbers = 2; }
  message Page {
    bytes body = 7;
    string tie = 2 [(playlog.options.v1.cookie) = {name: 'ticket', path: '/x', max_age_s: 60}];
  }
  message Part { bytes body = 1; }
  service S {
    rpc GetJson(Q) returns (Json) {
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/json'};
    }
    rpc GetPage(Q) returns (Page) {
      option (playlog.options.v1.access) = {anyone: true};
      option (google.api.http) = {get: '/page'};
      option (playlog.options.v1.http_behaviour) = {
        content_type: 'text/html; charset=utf-8' alternative_status: 400
      };
    }
    rpc GetFile(Q) returns (stream Part) {
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/file'};
      option (playlog.options.v1.http_behaviour) = {
        content_type: 'application/zip' file_name: 'all.zip'
      };
    }
    rpc Watch(Q) returns (stream Event) {
      option idempotency_level = NO_SIDE_EFFECTS;
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/events'};
      option (playlog.options.v1.http_behaviour) = {content_type: 'text/event-stream'};
    }
  })";

class RpcExchange : public ::testing::Test {
 protected:
  RpcExchange() : protos_(kProtos), router_(Router::Create(protos_.Services()).value()) {}

  void AnswerWith(const std::string& type, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      script_.parts.push_back(protos_.Make(type, text)->SerializeAsString());
    }
  }

  std::shared_ptr<RecordingExchange> Begin(const std::string& path, bool is_head = false,
                                           bool secure_cookies = false) {
    const Route& route = *router_->Find("GET", path).route;
    auto exchange = std::make_shared<RecordingExchange>();
    AnswerByRpc({&server_.stub()},
                {.route = route,
                 .message = *protos_.Make("Q"),
                 .token = "the-token",
                 .request_id = "the-id",
                 .client_address = "192.0.2.7",
                 .is_head = is_head,
                 .secure_cookies = secure_cookies},
                exchange);
    return exchange;
  }

  std::shared_ptr<RecordingExchange> Call(const std::string& path, bool secure_cookies = false) {
    auto exchange = Begin(path, false, secure_cookies);
    exchange->TakeAll();
    return exchange;
  }

  TestProtos protos_;
  std::unique_ptr<Router> router_;
  ScriptedServer server_;
  Script& script_ = server_.script();
};

TEST_F(RpcExchange, TellsTheServiceWhereTheClientComesFrom) {
  AnswerWith("Json", {""});
  Call("/json");
  EXPECT_THAT(script_.metadata, Contains(Pair(rpc::kClientAddressKey, "192.0.2.7")));
  EXPECT_THAT(script_.metadata, Contains(Pair(rpc::kRequestIdKey, "the-id")));
  EXPECT_THAT(script_.metadata, Contains(Pair(rpc::kAuthorizationKey, "Bearer the-token")));
  EXPECT_EQ(script_.metadata.count(rpc::kClientAddressKey), 1u);
}

TEST_F(RpcExchange, SetsTheCookieThatIsNotInTheJson) {
  AnswerWith("Json", {"text: 'a' tie: 'abc' number: 5"});
  const auto answer = Call("/json");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->sent().body, R"({"text":"a","number":5})");
  EXPECT_THAT(
      answer->sent().headers,
      ElementsAre(Pair("Set-Cookie", "ticket=abc; Path=/x; Max-Age=60; HttpOnly; SameSite=Lax"),
                  Pair("Content-Type", "application/json")));
  EXPECT_THAT(Call("/json", true)->sent().headers,
              Contains(Pair("Set-Cookie", HasSubstr("; Secure"))));
}

TEST_F(RpcExchange, RemovesTheCookieThatIsAnsweredEmpty) {
  AnswerWith("Json", {"text: 'a'"});
  EXPECT_THAT(Call("/json")->sent().headers,
              Contains(Pair("Set-Cookie", "ticket=; Path=/x; Max-Age=0; HttpOnly; SameSite=Lax")));
}

TEST_F(RpcExchange, AnswersAPageThatCanDoNothing) {
  AnswerWith("Page", {"body: '<p>\\303\\251</p>' tie: 'abc'"});
  const auto answer = Call("/page");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->sent().body, "<p>\xC3\xA9</p>");
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Content-Type", "text/html; charset=utf-8")));
  EXPECT_THAT(answer->sent().headers,
              Contains(Pair("Content-Security-Policy",
                            "default-src 'none'; base-uri 'none'; form-action 'none'; "
                            "frame-ancestors 'none'")));
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Set-Cookie", HasSubstr("ticket=abc;"))));
  EXPECT_THAT(answer->sent().headers, Not(Contains(Key("Content-Disposition"))));
}

TEST_F(RpcExchange, AnswersAPageWithTheStatusThatTheServiceChose) {
  AnswerWith("Page", {"body: 'no'"});
  script_.alternative = true;
  const auto answer = Call("/page");
  EXPECT_EQ(answer->sent().status, 400);
  EXPECT_EQ(answer->sent().body, "no");
}

TEST_F(RpcExchange, AnswersErrorsOfRawRoutesInJson) {
  script_.status =
      rpc::ToGrpc(Error(errors::v1::ERROR_CODE_NOT_FOUND, "Not found", "Look elsewhere."));
  for (const std::string path : {"/page", "/file"}) {
    const auto answer = Call(path);
    EXPECT_EQ(answer->sent().status, 404) << path;
    EXPECT_THAT(answer->sent().body, HasSubstr(R"("code":"NOT_FOUND")"));
    EXPECT_THAT(answer->sent().headers, Contains(Pair("Content-Type", "application/json")));
    EXPECT_THAT(answer->sent().headers, Not(Contains(Key("Set-Cookie"))));
    EXPECT_THAT(answer->sent().headers, Not(Contains(Key("Content-Disposition"))));
  }
}

TEST_F(RpcExchange, StreamsAFileInItsParts) {
  AnswerWith("Part", {"body: 'PK\\003\\004'", "body: ''", "body: '\\000'", "body: 'end'"});
  const auto answer = Call("/file");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_THAT(answer->sent().headers,
              ElementsAre(Pair("Content-Type", "application/zip"),
                          Pair("Content-Disposition", "attachment; filename=\"all.zip\"")));
  std::string file;
  for (const std::string& part : answer->parts()) file += part;
  EXPECT_EQ(file, std::string("PK\3\4\0end", 8));
  EXPECT_FALSE(answer->aborted());
}

TEST_F(RpcExchange, SendsAFileOfOnePartWhole) {
  AnswerWith("Part", {"body: 'all'"});
  const auto answer = Call("/file");
  EXPECT_EQ(answer->sent().body, "all");
  EXPECT_THAT(answer->parts(), IsEmpty());
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Content-Type", "application/zip")));
}

TEST_F(RpcExchange, SendsAnEmptyFile) {
  const auto answer = Call("/file");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->sent().body, "");
}

TEST_F(RpcExchange, BreaksAFileThatFailsMidway) {
  AnswerWith("Part", {"body: 'a'", "body: 'b'", "body: 'c'"});
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "Away"));
  const auto answer = Call("/file");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_TRUE(answer->aborted());
}

TEST_F(RpcExchange, AnswersAFileThatFailsAfterItsFirstPartWithTheError) {
  AnswerWith("Part", {"body: 'a'"});
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "Away"));
  const auto answer = Call("/file");
  EXPECT_EQ(answer->sent().status, 503);
  EXPECT_THAT(answer->sent().body, HasSubstr(R"("error":"Away")"));
}

TEST_F(RpcExchange, SendsEachEventAtOnce) {
  AnswerWith("Event", {"text: 'a' numbers: [1, 2]"});
  script_.hangs = true;
  const auto answer = Begin("/events");
  // The second event may be long in coming.
  EXPECT_TRUE(answer->TakeOne());
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_THAT(answer->sent().headers, ElementsAre(Pair("Content-Type", "text/event-stream")));
  EXPECT_THAT(answer->parts(), ElementsAre("data: {\"text\":\"a\",\"numbers\":[1,2]}\n\n"));
  answer->Cancel();
  script_.cancelled.WaitForNotification();
  answer->TakeAll();
}

TEST_F(RpcExchange, EndsTheEventsWithTheStream) {
  AnswerWith("Event", {"text: 'a\\nb'", "numbers: 1"});
  const auto answer = Call("/events");
  EXPECT_THAT(answer->parts(), ElementsAre("data: {\"text\":\"a\\nb\",\"numbers\":[]}\n\n",
                                           "data: {\"text\":\"\",\"numbers\":[1]}\n\n", ""));
  EXPECT_FALSE(answer->aborted());
}

TEST_F(RpcExchange, AnswersNoEventsWithAnEmptyBody) {
  const auto answer = Call("/events");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->sent().body, "");
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Content-Type", "text/event-stream")));
}

TEST_F(RpcExchange, AnswersAnErrorBeforeTheFirstEventInJson) {
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_NOT_FOUND, "Not found"));
  const auto answer = Call("/events");
  EXPECT_EQ(answer->sent().status, 404);
  EXPECT_THAT(answer->sent().headers, Contains(Pair("Content-Type", "application/json")));
}

TEST_F(RpcExchange, AsksAgainForAStreamThatWasDropped) {
  AnswerWith("Event", {"text: 'a'"});
  script_.drops = 3;
  const auto answer = Call("/events");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_THAT(answer->parts(), Contains("data: {\"text\":\"a\",\"numbers\":[]}\n\n"));
  EXPECT_EQ(script_.calls, 4);
  script_.drops = 4;
  EXPECT_EQ(Call("/events")->sent().status, 504);
  EXPECT_EQ(script_.calls, 8);
}

TEST_F(RpcExchange, AsksOnceForAStreamThatMayNotBeRepeatedOrHasBegun) {
  AnswerWith("Part", {"body: 'a'"});
  script_.drops = 1;
  EXPECT_EQ(Call("/file")->sent().status, 504);
  EXPECT_EQ(script_.calls, 1);
  script_.parts.clear();
  AnswerWith("Event", {"text: 'a'"});
  script_.status = grpc::Status::CANCELLED;
  EXPECT_TRUE(Call("/events")->aborted());
  EXPECT_EQ(script_.calls, 2);
}

// The client leaves between two tries: nobody is asked any more.
TEST_F(RpcExchange, AsksNoMoreForAStreamWhoseClientHasLeft) {
  script_.hangs = true;
  const auto answer = Begin("/events");
  script_.asked.WaitForNotification();
  answer->Cancel();
  script_.cancelled.WaitForNotification();
  answer->TakeAll();
  EXPECT_EQ(script_.calls, 1);
}

TEST_F(RpcExchange, BreaksEventsThatFailAfterTheFirst) {
  AnswerWith("Event", {"text: 'a'"});
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "Away"));
  const auto answer = Call("/events");
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_EQ(answer->parts().size(), 1u);
  EXPECT_TRUE(answer->aborted());
}

TEST_F(RpcExchange, AnswersHeadOfEventsWithTheHeadAlone) {
  AnswerWith("Event", {"text: 'a'"});
  script_.hangs = true;
  const auto answer = Begin("/events", /*is_head=*/true);
  answer->TakeAll();
  script_.cancelled.WaitForNotification();
  EXPECT_EQ(answer->sent().status, 200);
  EXPECT_THAT(answer->sent().headers, ElementsAre(Pair("Content-Type", "text/event-stream")));
  EXPECT_THAT(answer->parts(), IsEmpty());
  EXPECT_FALSE(answer->aborted());
}

TEST_F(RpcExchange, CallsAnAnswerThatNoClientMaySeeABug) {
  script_.parts = {"\xFF"};
  EXPECT_EQ(Call("/page")->sent().status, 500);
  EXPECT_EQ(Call("/json")->sent().status, 500);
  EXPECT_EQ(Call("/file")->sent().status, 500);
  EXPECT_EQ(Call("/events")->sent().status, 500);
  script_.parts.clear();
  AnswerWith("Json", {"tie: 'a; Domain=evil'"});
  const auto answer = Call("/json");
  EXPECT_EQ(answer->sent().status, 500);
  EXPECT_THAT(answer->sent().headers, Not(Contains(Key("Set-Cookie"))));
}

}  // namespace
}  // namespace playlog::gateway
