// Promise R8: a commit whose outcome is unknown is resolved, not guessed. What PostgreSQL answered
// is lost on its way, so that the client library cannot know whether the work was done.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/rpc/client.h"
#include "common/testing/temporary_directory.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"

namespace playlog::faults {
namespace {

using db::Effect;
using songs::v1::SongStoreService;

constexpr absl::Duration kCallTime = absl::Seconds(3);
// PostgreSQL's message that runs the text COMMIT: its length, the text and a zero.
const std::string& RunsCommit() {
  static const std::string text(
      "Q\0\0\0\x0b"
      "COMMIT\0",
      12);
  return text;
}

class UnknownCommitTest : public ProxiedFaultTest {
 protected:
  UnknownCommitTest()
      : path_(NewLedgerPath()),
        ledger_(path_),
        user_(api().NewUser()),
        stub_(SongStoreService::NewStub(rpc::Connect("song_store",
                                                     "unix:" + stack().SocketOf("song_store"),
                                                     stack().TlsDirectoryOf("spotify_ingest")))) {}
  ~UnknownCommitTest() override { database_proxy().Set({}); }

  // Stores one play with one call, and writes down what it was told.
  Outcome StoreOne(int number) {
    const std::string title = absl::StrCat("unknown.", number);
    const absl::Time played_at = absl::FromUnixSeconds(1'700'000'000 + number);
    truth_[title] = {.user_id = user_.id,
                     .title = title,
                     .artist = "Artist",
                     .album = "Album",
                     .played_at_us = absl::ToUnixMicros(played_at),
                     .duration_ms = 5000};
    songs::v1::UpsertSongsRequest request;
    request.set_user_id(user_.id);
    request.set_source(songs::v1::SOURCE_SPOTIFY);
    request.set_origin("fetch");
    songs::v1::Play* const play = request.add_plays();
    play->set_title(title);
    play->set_artist("Artist");
    play->set_album("Album");
    play->set_duration_ms(5000);
    play->mutable_played_at()->set_seconds(absl::ToUnixSeconds(played_at));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTime));
    songs::v1::UpsertSongsResponse response;
    const grpc::Status status = stub_->UpsertSongs(&context, request, &response);
    Operation operation{.outcome = status.ok() ? Outcome::kOk : Outcome::kUnknown,
                        .status = static_cast<int>(status.error_code()),
                        .asked = {title},
                        .confirmed = {}};
    if (status.ok()) operation.confirmed = operation.asked;
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::UNAVAILABLE)
        << status.error_code() << " " << status.error_message();
    ledger_.Write(operation);
    return operation.outcome;
  }

  const std::string path_;
  Ledger ledger_;
  const harness::User user_;
  const std::unique_ptr<SongStoreService::Stub> stub_;
  std::map<std::string, Play> truth_;
};

TEST_F(UnknownCommitTest, R8ABatchWhoseReplyIsLostIsThereOnce) {
  Experiment experiment("R8 batches", {.slice = 10, .gate = 50});
  ASSERT_EQ(StoreOne(-1), Outcome::kOk);
  for (int run = 0; run < experiment.runs(); ++run) {
    const int fired = database_proxy().fired();
    // One lost reply is made good by repeating the statement; after two the client has to.
    const int losses = 1 + run % 2;
    database_proxy().Set(
        {.fault = WireFault::kDropReply, .request = RunOf("upsert_songs"), .times = losses});
    EXPECT_EQ(StoreOne(run), losses == 1 ? Outcome::kOk : Outcome::kUnknown) << "run " << run;
    EXPECT_EQ(database_proxy().fired() - fired, losses);
    experiment.CountFault(database_proxy().fired() - fired);
    // It was committed, whatever the client was told.
    EXPECT_EQ(stack().database().Execute(absl::StrCat(
                  "SELECT count(*) FROM song_store.plays WHERE title = 'unknown.", run, "'")),
              "1");
    if (losses == 2) {
      EXPECT_EQ(StoreOne(run), Outcome::kOk);
    }
  }
  experiment.Judge(Check(Ledger::Read(path_), truth_, StoredPlays(stack().database(), {user_.id})));
}

TEST_F(UnknownCommitTest, R8ARegistrationWhoseReplyIsLostIsThereOnce) {
  Experiment experiment("R8 registrations", {.slice = 2, .gate = 10});
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::string credentials = absl::StrCat(R"({"username":"doubt-)", run, R"(","password":)",
                                                 R"("quarry otter vellum )", run, R"("})");
    const int fired = database_proxy().fired();
    database_proxy().Set(
        {.fault = WireFault::kDropReply, .request = RunOf("create_user"), .times = 1});
    const harness::HttpAnswer answer = api().Post("/users/register/", credentials);
    EXPECT_EQ(database_proxy().fired() - fired, 1);
    experiment.CountFault(database_proxy().fired() - fired);
    // The client is not told that it failed.
    harness::ExpectError(answer, 503, "UNAVAILABLE");
    EXPECT_EQ(api().Post("/users/register/", credentials).status, 409);
    EXPECT_EQ(api().Post("/users/token/", credentials).status, 200);
  }
}

// The pool alone, at work that differs if it is done twice.
class CountedCommitTest : public ::testing::Test {
 protected:
  static constexpr db::Statement kCountUp{"count_up", "UPDATE counter SET n = n + 1"};

  CountedCommitTest()
      : proxy_({.path = directory_.path() + "/.s.PGSQL.5432"},
               {{.path = testing::PostgresCluster::Shared().SocketPath()}}, 1) {
    database_.Execute("CREATE TABLE counter (n integer); INSERT INTO counter VALUES (0)");
    const std::string url = database_.url();
    auto pool = db::Pool::Create(
        {.url = Secret(absl::StrCat(url, "&host=", directory_.path())), .schema = "public"});
    EXPECT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }

  absl::Status CountUp() {
    return pool_->Run(
        absl::Now() + absl::Seconds(5), Effect::kOnce,
        [](db::Transaction& transaction) { return transaction.Query(kCountUp).status(); });
  }
  int Counted() const {
    int count = 0;
    EXPECT_TRUE(absl::SimpleAtoi(database_.Execute("SELECT n FROM counter"), &count));
    return count;
  }

  const testing::TemporaryDirectory directory_;
  const testing::TestDatabase database_{testing::PostgresCluster::Shared()};
  Proxy proxy_;
  std::unique_ptr<db::Pool> pool_;
};

TEST_F(CountedCommitTest, R8WorkIsNeverDoneTwiceWhenTheAnswerToItsCommitIsLost) {
  Experiment experiment("R8 counters", {.slice = 10, .gate = 50});
  ASSERT_TRUE(CountUp().ok());
  for (int run = 0; run < experiment.runs(); ++run) {
    const int before = Counted();
    const int fired = proxy_.fired();
    // Every other time the commit itself is lost, so that nothing was done.
    const bool reply = run % 2 == 0;
    proxy_.Set({.fault = reply ? WireFault::kDropReply : WireFault::kReset,
                .request = RunsCommit(),
                .times = 1});
    EXPECT_TRUE(absl::IsUnavailable(CountUp()));
    EXPECT_EQ(proxy_.fired() - fired, 1);
    experiment.CountFault(proxy_.fired() - fired);
    EXPECT_EQ(Counted(), before + (reply ? 1 : 0)) << "run " << run;
    EXPECT_TRUE(CountUp().ok());
  }
}

}  // namespace
}  // namespace playlog::faults
