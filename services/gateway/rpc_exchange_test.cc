#include "services/gateway/rpc_exchange.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/status.h"
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
  })";

// What the service behind the gateway answers, and what it was asked.
struct Script {
  std::vector<std::string> parts;  // In wire form.
  grpc::Status status;
  bool alternative = false;
  std::multimap<std::string, std::string> metadata;
};

class ScriptReactor final : public grpc::ServerGenericBidiReactor {
 public:
  ScriptReactor(grpc::GenericCallbackServerContext& context, Script& script)
      : context_(context), script_(script) {
    for (const auto& [key, value] : context.client_metadata()) {
      script.metadata.emplace(std::string(key.data(), key.size()),
                              std::string(value.data(), value.size()));
    }
    StartRead(&request_);
  }
  void OnReadDone(bool) override { Next(); }
  void OnWriteDone(bool ok) override { ok ? Next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (sent_ == script_.parts.size()) {
      if (script_.alternative) {
        context_.AddTrailingMetadata(rpc::kHttpStatusKey, rpc::kAlternativeStatus);
      }
      Finish(script_.status);
      return;
    }
    const grpc::Slice slice(script_.parts[sent_++]);
    part_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&part_);
  }

  grpc::GenericCallbackServerContext& context_;
  Script& script_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer part_;
  std::size_t sent_ = 0;
};

class ScriptService final : public grpc::CallbackGenericService {
 public:
  explicit ScriptService(Script& script) : script_(script) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new ScriptReactor(*context, script_);
  }

 private:
  Script& script_;
};

// Keeps what the gateway would send. Each part stays in the socket until the test takes it.
class RecordingExchange final : public HttpExchange {
 public:
  void Send(HttpResponse response) override {
    Set([&] { sent_ = std::move(response); }, true);
  }
  void Begin(int status, HttpHeaders headers) override {
    Set([&] { sent_ = {status, std::move(headers), ""}; }, false);
  }
  void Write(std::string part, std::function<void(bool)> done) override {
    Set(
        [&] {
          EXPECT_EQ(done_, nullptr) << "a part came before the last one was taken";
          parts_.push_back(std::move(part));
          done_ = std::move(done);
        },
        false);
  }
  void End() override {
    Set([] {}, true);
  }
  void Abort() override {
    Set([this] { aborted_ = true; }, true);
  }
  void OnCancelled(std::function<void()>) override {}

  // Takes parts until the answer has ended.
  void TakeAll() {
    while (true) {
      std::function<void(bool)> done;
      {
        const auto changed = [this] { return ended_ || done_ != nullptr; };
        const absl::MutexLock lock(&mutex_);
        if (!mutex_.AwaitWithTimeout(absl::Condition(&changed), absl::Seconds(20))) {
          ADD_FAILURE() << "the answer does not end";
          return;
        }
        if (ended_) return;
        done = std::exchange(done_, nullptr);
      }
      done(true);
    }
  }
  const HttpResponse& sent() const { return sent_; }
  const std::vector<std::string>& parts() const { return parts_; }
  bool aborted() const { return aborted_; }

 private:
  template <class Change>
  void Set(Change change, bool ends) {
    const absl::MutexLock lock(&mutex_);
    EXPECT_FALSE(ended_);
    change();
    ended_ = ended_ || ends;
  }

  absl::Mutex mutex_;
  bool ended_ = false;
  bool aborted_ = false;
  HttpResponse sent_;
  std::vector<std::string> parts_;
  std::function<void(bool)> done_;
};

class RpcExchange : public ::testing::Test {
 protected:
  RpcExchange()
      : protos_(kProtos), router_(Router::Create(protos_.Services()).value()), service_(script_) {
    grpc::ServerBuilder builder;
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = std::make_unique<grpc::GenericStub>(server_->InProcessChannel({}));
  }
  ~RpcExchange() override { server_->Shutdown(); }

  void AnswerWith(const std::string& type, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      script_.parts.push_back(protos_.Make(type, text)->SerializeAsString());
    }
  }

  std::shared_ptr<RecordingExchange> Call(const std::string& path, bool secure_cookies = false) {
    const Route& route = *router_->Find("GET", path).route;
    auto exchange = std::make_shared<RecordingExchange>();
    AnswerByRpc(*stub_,
                {.route = route,
                 .message = *protos_.Make("Q"),
                 .token = "the-token",
                 .request_id = "the-id",
                 .client_address = "192.0.2.7",
                 .secure_cookies = secure_cookies},
                exchange);
    exchange->TakeAll();
    return exchange;
  }

  TestProtos protos_;
  std::unique_ptr<Router> router_;
  Script script_;
  ScriptService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
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

TEST_F(RpcExchange, CallsAnAnswerThatNoClientMaySeeABug) {
  script_.parts = {"\xFF"};
  EXPECT_EQ(Call("/page")->sent().status, 500);
  EXPECT_EQ(Call("/json")->sent().status, 500);
  EXPECT_EQ(Call("/file")->sent().status, 500);
  script_.parts.clear();
  AnswerWith("Json", {"tie: 'a; Domain=evil'"});
  const auto answer = Call("/json");
  EXPECT_EQ(answer->sent().status, 500);
  EXPECT_THAT(answer->sent().headers, Not(Contains(Key("Set-Cookie"))));
}

}  // namespace
}  // namespace playlog::gateway
