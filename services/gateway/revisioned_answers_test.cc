// Answers that are tagged, kept and sent again, and to whom.
#include "services/gateway/revisioned_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/error.h"
#include "common/rpc/status.h"
#include "playlog/revisions/v1/revision_service.grpc.pb.h"
#include "services/gateway/recording_exchange.h"
#include "services/gateway/scripted_server.h"
#include "services/gateway/test_protos.h"

namespace playlog::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kProtos[] = R"(
  message Q { int32 limit = 1; }
  message List { repeated string results = 1; }
  service S {
    rpc GetList(Q) returns (stream List) {
      option idempotency_level = NO_SIDE_EFFECTS;
      option (playlog.options.v1.access) = {user: true};
      option (google.api.http) = {get: '/list'};
      option (playlog.revisions.v1.revisioned) = true;
    }
  })";

// Tells revisions by the tokens, and which tokens came together.
class Revisions final : public revisions::v1::RevisionService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetRevisions(grpc::CallbackServerContext* context,
                                         const revisions::v1::GetRevisionsRequest* request,
                                         revisions::v1::GetRevisionsResponse* response) override {
    auto* reactor = context->DefaultReactor();
    const absl::MutexLock lock(&mutex_);
    batches_.emplace_back(request->tokens().begin(), request->tokens().end());
    for (const std::string& token : request->tokens()) {
      const auto known = revisions_.find(token);
      response->add_revisions(known == revisions_.end() ? -1 : known->second);
    }
    if (holds_) {
      held_.push_back(reactor);
    } else {
      reactor->Finish(status_);
    }
    return reactor;
  }

  void Set(const std::string& token, std::int64_t revision) {
    const absl::MutexLock lock(&mutex_);
    revisions_[token] = revision;
  }
  void Fail() {
    const absl::MutexLock lock(&mutex_);
    status_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
  }
  // Answers nothing from now on until Release.
  void Hold() {
    const absl::MutexLock lock(&mutex_);
    holds_ = true;
  }
  void AwaitHeld(std::size_t calls) {
    const auto held = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return held_.size() == calls; };
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&held));
  }
  void Release() {
    const absl::MutexLock lock(&mutex_);
    holds_ = false;
    for (auto* reactor : held_) reactor->Finish(grpc::Status::OK);
    held_.clear();
  }
  std::vector<std::vector<std::string>> batches() {
    const absl::MutexLock lock(&mutex_);
    return batches_;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::int64_t> revisions_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::vector<std::string>> batches_ ABSL_GUARDED_BY(mutex_);
  std::vector<grpc::ServerUnaryReactor*> held_ ABSL_GUARDED_BY(mutex_);
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status status_ ABSL_GUARDED_BY(mutex_);
};

class RevisionedAnswersTest : public ::testing::Test {
 protected:
  RevisionedAnswersTest() { SetRevision(10); }

  // The revision of user 1's data.
  void SetRevision(std::int64_t revision) {
    revisions_.Set("token of 1", revision);
    script_.revision = revision;
  }

  void AnswerWith(const std::vector<std::string>& texts) {
    script_.parts.clear();
    for (const std::string& text : texts) {
      script_.parts.push_back(
          protos_.Make("List", absl::StrCat("results: '", text, "'"))->SerializeAsString());
    }
  }

  struct Asked {
    std::int64_t user_id = 1;
    std::string query = "";
    HttpHeaders headers = {};
    bool is_head = false;
  };

  std::shared_ptr<RecordingExchange> Get(const Asked& asked) {
    const Route& route = *router_->Find("GET", "/list").route;
    std::unique_ptr<google::protobuf::Message> message = protos_.Make("Q", asked.query);
    const RpcRequest call{.route = route,
                          .message = *message,
                          .token = absl::StrCat("token of ", asked.user_id),
                          .request_id = "the-id",
                          .client_address = "192.0.2.7",
                          .is_head = asked.is_head};
    auto exchange = std::make_shared<RecordingExchange>();
    answers_.Answer(server_.stub(),
                    std::make_shared<RevisionedRequest>(
                        RevisionedRequest{std::move(message), call, asked.user_id, asked.headers}),
                    exchange);
    exchange->TakeAll();
    return exchange;
  }
  std::shared_ptr<RecordingExchange> Get() { return Get(Asked()); }

  static std::string TagOf(const RecordingExchange& answer) {
    for (const auto& [name, value] : answer.sent().headers) {
      if (name == "ETag") return value;
    }
    return "";
  }
  std::shared_ptr<RecordingExchange> GetUnless(const std::string& tags) {
    return Get({.headers = {{"if-none-match", tags}}});
  }

  static void ExpectNotModified(const RecordingExchange& answer, const std::string& tag) {
    EXPECT_EQ(answer.sent().status, 304);
    EXPECT_EQ(answer.sent().body, "");
    EXPECT_THAT(answer.parts(), IsEmpty());
    EXPECT_EQ(TagOf(answer), tag);
    EXPECT_THAT(answer.sent().headers, Contains(Pair("Cache-Control", "private, no-cache")));
  }

  TestProtos protos_{kProtos};
  std::unique_ptr<Router> router_ = Router::Create(protos_.Services()).value();
  Revisions revisions_;
  ScriptedServer server_{&revisions_};
  Script& script_ = server_.script();
  RevisionedAnswers answers_{1 << 20};
};

TEST_F(RevisionedAnswersTest, SendsAKeptAnswerAgainWhileTheRevisionHolds) {
  AnswerWith({"a"});
  const auto first = Get();
  EXPECT_EQ(first->sent().status, 200);
  EXPECT_EQ(first->sent().body, R"({"results":["a"]})");
  AnswerWith({"never asked for"});
  const auto second = Get();
  EXPECT_EQ(second->sent().body, R"({"results":["a"]})");
  EXPECT_EQ(second->sent().headers, first->sent().headers);
  EXPECT_THAT(
      first->sent().headers,
      ElementsAre(Pair("Content-Type", "application/json"), Pair("ETag", Not(IsEmpty())),
                  Pair("Cache-Control", "private, no-cache"), Pair("Vary", "Authorization")));
  EXPECT_EQ(script_.calls, 1);
}

TEST_F(RevisionedAnswersTest, AsksForNoRevisionWhereThereIsNothingToCompareItWith) {
  AnswerWith({"a"});
  const std::string tag = TagOf(*Get());
  EXPECT_NE(tag, "");
  EXPECT_THAT(revisions_.batches(), IsEmpty());
  EXPECT_EQ(TagOf(*Get()), tag);
  EXPECT_THAT(revisions_.batches(), SizeIs(1));
}

TEST_F(RevisionedAnswersTest, KeepsAnAnswerAtTheRevisionThatItCameWith) {
  AnswerWith({"a"});
  script_.revision = 11;  // The user's data have changed since, or the rows were read later.
  const std::string tag = TagOf(*Get());
  AnswerWith({"b"});
  EXPECT_EQ(Get()->sent().body, R"({"results":["b"]})");
  SetRevision(11);
  AnswerWith({"c"});
  EXPECT_EQ(TagOf(*GetUnless("\"x\"")), tag);
}

TEST_F(RevisionedAnswersTest, AsksTheRpcWhenTheRevisionIsAnother) {
  AnswerWith({"a"});
  const std::string tag = TagOf(*Get());
  SetRevision(11);
  AnswerWith({"b"});
  const auto changed = GetUnless(tag);
  EXPECT_EQ(changed->sent().status, 200);
  EXPECT_EQ(changed->sent().body, R"({"results":["b"]})");
  EXPECT_NE(TagOf(*changed), tag);
}

TEST_F(RevisionedAnswersTest, NeverGivesOneUserWhatAnotherGot) {
  revisions_.Set("token of 2", 10);
  AnswerWith({"of user 1"});
  const std::string tag = TagOf(*Get());
  AnswerWith({"of user 2"});
  const auto other = Get({.user_id = 2, .headers = {{"if-none-match", tag}}});
  EXPECT_EQ(other->sent().status, 200);
  EXPECT_EQ(other->sent().body, R"({"results":["of user 2"]})");
  EXPECT_NE(TagOf(*other), tag);
  EXPECT_EQ(Get()->sent().body, R"({"results":["of user 1"]})");
}

TEST_F(RevisionedAnswersTest, KeepsRequestsApart) {
  AnswerWith({"all"});
  const std::string tag = TagOf(*Get());
  AnswerWith({"one"});
  const auto other = Get({.query = "limit: 1", .headers = {{"if-none-match", tag}}});
  EXPECT_EQ(other->sent().status, 200);
  EXPECT_EQ(other->sent().body, R"({"results":["one"]})");
}

TEST_F(RevisionedAnswersTest, GivesNothingForATokenThatIsNotAcceptedAnyMore) {
  AnswerWith({"a"});
  const std::string tag = TagOf(*Get());
  revisions_.Set("token of 1", -1);
  script_.parts.clear();
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_INVALID_TOKEN, "Invalid token"));
  for (const std::string& tags : {std::string(), tag, std::string("*")}) {
    const auto refused = GetUnless(tags);
    EXPECT_EQ(refused->sent().status, 401);
    EXPECT_EQ(TagOf(*refused), "");
  }
}

TEST_F(RevisionedAnswersTest, SaysNotModifiedToWhoHasTheAnswer) {
  AnswerWith({"a"});
  const std::string tag = TagOf(*Get());
  for (const std::string& tags : {tag, "W/" + tag, "\"x\", " + tag, std::string("*")}) {
    ExpectNotModified(*GetUnless(tags), tag);
  }
  EXPECT_EQ(GetUnless("\"x\"")->sent().status, 200);
  EXPECT_EQ(script_.calls, 1);
}

TEST_F(RevisionedAnswersTest, SaysNotModifiedOfAnAnswerThatItHasNotKept) {
  AnswerWith({"a", "b"});  // In parts, and so streamed.
  const auto streamed = Get();
  EXPECT_EQ(streamed->parts().size(), 2U);
  const std::string tag = TagOf(*streamed);
  EXPECT_NE(tag, "");
  ExpectNotModified(*GetUnless(tag), tag);
  EXPECT_EQ(script_.calls, 1);
  EXPECT_EQ(Get()->parts().size(), 2U);
  EXPECT_EQ(script_.calls, 2);
}

TEST_F(RevisionedAnswersTest, LearnsWhetherThereIsAnAnswerBeforeItSaysSo) {
  AnswerWith({"a", "b"});
  EXPECT_EQ(GetUnless("*")->sent().status, 304);
  AnswerWith({"a"});
  EXPECT_EQ(GetUnless("*")->sent().status, 304);
  SetRevision(11);
  script_.parts.clear();
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_INVALID_FIELD, "Invalid limit"));
  EXPECT_EQ(GetUnless("*")->sent().status, 400);
}

TEST_F(RevisionedAnswersTest, NeitherTagsNorKeepsErrors) {
  script_.status = rpc::ToGrpc(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "Away"));
  const auto failed = Get();
  EXPECT_EQ(failed->sent().status, 503);
  EXPECT_THAT(failed->sent().headers, Not(Contains(Key("ETag"))));
  script_.status = grpc::Status::OK;
  AnswerWith({"a"});
  EXPECT_EQ(Get()->sent().status, 200);
}

TEST_F(RevisionedAnswersTest, AnswersWithoutATagWhereTheRevisionIsNotToBeHad) {
  revisions_.Fail();
  script_.revision = std::nullopt;
  AnswerWith({"a"});
  for (int i = 1; i <= 2; ++i) {
    const auto answer = Get();
    EXPECT_EQ(answer->sent().body, R"({"results":["a"]})");
    EXPECT_THAT(answer->sent().headers, ElementsAre(Pair("Content-Type", "application/json")));
    EXPECT_EQ(script_.calls, i);
  }
}

TEST_F(RevisionedAnswersTest, TagsTheAnswerToHead) {
  AnswerWith({"a"});
  const auto head = Get({.is_head = true});
  EXPECT_EQ(head->sent().status, 200);
  const std::string tag = TagOf(*head);
  EXPECT_EQ(TagOf(*Get()), tag);
  ExpectNotModified(*Get({.headers = {{"if-none-match", tag}}, .is_head = true}), tag);
}

TEST_F(RevisionedAnswersTest, AsksForManyUsersInOneCall) {
  constexpr int kUsers = 10;
  RevisionClient client;
  revisions_.Hold();
  absl::Mutex mutex;
  std::map<int, std::optional<std::int64_t>> told;
  const auto ask = [&](int user) {
    if (user != 3) revisions_.Set(absl::StrCat("token ", user), 100 + user);
    client.Ask(server_.stub(), absl::StrCat("token ", user),
               [&, user](std::optional<std::int64_t> revision) {
                 const absl::MutexLock lock(&mutex);
                 told[user] = revision;
               });
  };
  ask(0);
  ask(1);
  revisions_.AwaitHeld(2);
  for (int user = 2; user < kUsers; ++user) ask(user);
  revisions_.Release();
  const auto all_told = [&] { return told.size() == kUsers; };
  const absl::MutexLock lock(&mutex);
  mutex.Await(absl::Condition(&all_told));
  for (const auto& [user, revision] : told) {
    EXPECT_EQ(revision, user == 3 ? std::nullopt : std::optional<std::int64_t>(100 + user));
  }
  EXPECT_EQ(revisions_.batches().size(), 3U);
  EXPECT_EQ(revisions_.batches().back().size(), 8U);
}

}  // namespace
}  // namespace playlog::gateway
