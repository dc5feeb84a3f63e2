// Changing the key that seals, while the program runs, is called and is killed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/db/pool.h"
#include "common/testing/matchers.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "services/auth/auth_process.h"
#include "services/auth/credential.h"
#include "services/auth/postgres_credential_store.h"
#include "services/auth/testing.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kUsersKilled = 5'000;
constexpr int kUsersUnderLoad = 500;
constexpr int kKills = 10;
// Every so many users get a new key while the keys are sealed anew.
constexpr int kUsersPerStore = 25;

int RunsFromEnvironment() {
  const char* const runs = std::getenv("PLAYLOG_ROTATION_RUNS");
  return runs == nullptr ? 2 : std::atoi(runs);
}

std::string StoredKeyOf(std::int64_t user_id) { return absl::StrCat("canary-", user_id); }
std::string NewKeyOf(std::int64_t user_id) { return absl::StrCat("renewed-", user_id); }

// What is true of a call that ends badly only because the program is killed.
bool IsOutage(const absl::Status& status) {
  const ErrorCode code = CodeOf(status);
  return code == errors::v1::ERROR_CODE_UNAVAILABLE ||
         code == errors::v1::ERROR_CODE_DEADLINE_EXCEEDED;
}

// Opens and stores keys all the time, some 50 a second, as the Spotify ingest does.
class Load {
 public:
  // A channel does not live through a fork of its process, which every start of the program is, so
  // `connect` makes a new one after each outage.
  Load(std::function<std::shared_ptr<grpc::Channel>()> connect, std::int64_t first_user, int users)
      : connect_(std::move(connect)), first_user_(first_user), users_(users) {
    opener_ = std::thread([this] { OpenUntilStopped(); });
    storer_ = std::thread([this] { StoreUntilStopped(); });
  }
  ~Load() { Stop(); }

  void Stop() {
    if (stop_.HasBeenNotified()) return;
    stop_.Notify();
    opener_.join();
    storer_.join();
  }

  int opened() const { return opened_; }
  int stored() const { return stored_; }
  // Calls that ended badly because the program was away.
  int outages() const { return outages_; }
  // What the key of each user whose key was stored anew must be.
  std::map<std::int64_t, std::string> Stored() {
    const absl::MutexLock lock(&mutex_);
    return stored_keys_;
  }

 private:
  static constexpr absl::Duration kBetweenCalls = absl::Milliseconds(40);

  std::unique_ptr<v1::KeyVaultService::Stub> NewStub() const {
    return v1::KeyVaultService::NewStub(connect_());
  }
  static rpc::Call NewCall() {
    rpc::Call call;
    call.request_id = "rotation";
    return call;
  }

  void OpenUntilStopped() {
    auto stub = NewStub();
    std::mt19937_64 random(1);
    while (!stop_.WaitForNotificationWithTimeout(kBetweenCalls)) {
      const std::int64_t user_id = first_user_ + static_cast<std::int64_t>(random() % users_);
      v1::OpenKeyRequest request;
      request.set_user_id(user_id);
      request.set_service_name(songs::v1::SOURCE_SPOTIFY);
      const auto key = rpc::Invoke(*stub, &v1::KeyVaultService::Stub::OpenKey, NewCall(), request,
                                   absl::Seconds(5));
      if (!key.ok()) {
        CountOutage(key.status());
        stub = NewStub();
        continue;
      }
      EXPECT_TRUE(key->api_key() == StoredKeyOf(user_id) || key->api_key() == NewKeyOf(user_id))
          << key->api_key();
      ++opened_;
    }
  }

  void StoreUntilStopped() {
    auto stub = NewStub();
    std::int64_t user_id = first_user_;
    while (!stop_.WaitForNotificationWithTimeout(kBetweenCalls)) {
      v1::SaveTokensRequest request;
      request.set_user_id(user_id);
      request.set_service_name(songs::v1::SOURCE_SPOTIFY);
      request.set_access_token(NewKeyOf(user_id));
      request.set_refresh_token("refresh");
      request.mutable_expires_at()->set_seconds(2'000'000'000);
      const auto saved = rpc::Invoke(*stub, &v1::KeyVaultService::Stub::SaveTokens, NewCall(),
                                     request, absl::Seconds(5));
      if (!saved.ok()) {
        CountOutage(saved.status());
        stub = NewStub();
        continue;
      }
      ++stored_;
      {
        const absl::MutexLock lock(&mutex_);
        stored_keys_[user_id] = NewKeyOf(user_id);
      }
      user_id += kUsersPerStore;
      if (user_id >= first_user_ + users_) user_id = first_user_;
    }
  }

  void CountOutage(const absl::Status& status) {
    EXPECT_TRUE(IsOutage(status)) << status;
    ++outages_;
  }

  const std::function<std::shared_ptr<grpc::Channel>()> connect_;
  const std::int64_t first_user_;
  const int users_;
  std::atomic<int> opened_ = 0;
  std::atomic<int> stored_ = 0;
  std::atomic<int> outages_ = 0;
  absl::Mutex mutex_;
  std::map<std::int64_t, std::string> stored_keys_ ABSL_GUARDED_BY(mutex_);
  absl::Notification stop_;
  std::thread opener_;
  std::thread storer_;
};

class KeyRotationProcessTest : public AuthProcessTest {
 protected:
  KeyRotationProcessTest() { WriteRing({1}); }

  // Puts a new file in the place of the ring's, as an operator does.
  void WriteRing(const std::vector<std::uint32_t>& ids) {
    const std::string next = Path("ring.json.next");
    testing::WriteSecretFile(next, KeyRingText(ids));
    ASSERT_EQ(std::rename(next.c_str(), Path("ring.json").c_str()), 0);
  }

  // Adds users who each have a key that the key 1 has sealed. Returns the id of the first, which
  // the others follow.
  std::int64_t Fill(int users) {
    const std::string first_text = database_.Execute(
        absl::StrCat("WITH added AS (INSERT INTO auth.users (username, password_hash) SELECT "
                     "'user-' || number, 'x' FROM generate_series(1, ",
                     users, ") AS number RETURNING id) SELECT min(id) FROM added"));
    const std::int64_t first = std::stoll(first_text);
    const Vault vault(NewKeyRing({1}));
    std::string sql;
    for (std::int64_t i = 0; i < users; ++i) {
      const RecordContext context{
          .user_id = first + i, .service_name = "spotify", .row_id = i + 1, .version = 1};
      const std::string blob = vault.Seal(context, Secret(StoredKeyOf(first + i)))->blob;
      absl::StrAppend(&sql, sql.empty() ? "" : ",", "(", i + 1, ",", first + i, ",'spotify','\\x",
                      absl::BytesToHexString(blob), "',1,1,now(),now())");
    }
    database_.Execute(
        absl::StrCat("INSERT INTO auth.api_credentials (id, user_id, service_name, blob, kek_id, "
                     "version, created_at, updated_at) VALUES ",
                     sql));
    return first;
  }
  // Makes every change of a stored key take so long that whoever kills the program often hits it in
  // the middle of one.
  void SlowChangesDown() {
    database_.Execute(
        "CREATE FUNCTION auth.slow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END';"
        "CREATE TRIGGER slow BEFORE UPDATE ON auth.api_credentials FOR EACH ROW "
        "EXECUTE FUNCTION auth.slow()");
  }
  int CountSealedBy(std::uint32_t kek_id) {
    return std::stoi(database_.Execute(
        absl::StrCat("SELECT count(*) FROM auth.api_credentials WHERE kek_id = ", kek_id)));
  }
  template <class Condition>
  void AwaitTrue(Condition condition) {
    const absl::Time give_up = absl::Now() + absl::Minutes(2);
    while (!condition()) {
      ASSERT_LT(absl::Now(), give_up) << Read("output") << Read("errors");
      absl::SleepFor(absl::Milliseconds(2));
    }
  }
  void AwaitLog(const std::string& words) {
    AwaitTrue([&] { return Read("output").find(words) != std::string::npos; });
  }
  std::unique_ptr<Load> StartLoad(std::int64_t first_user, int users) {
    const std::string tls = authority_.Issue(directory_.path(), "spotify_ingest");
    return std::make_unique<Load>(
        [address = Socket("auth"), tls] { return rpc::Connect("auth", address, tls); }, first_user,
        users);
  }
  absl::StatusOr<v1::OpenKeyResponse> Open(std::int64_t user_id) {
    v1::OpenKeyRequest request;
    request.set_user_id(user_id);
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    return CallAs<v1::KeyVaultService>("spotify_ingest", &v1::KeyVaultService::Stub::OpenKey,
                                       request);
  }

  // Opens every key of `users` with the key 2 alone; `stored` says which are not as at first.
  void ExpectAllSealedByTwo(int users, const std::map<std::int64_t, std::string>& stored) {
    const auto pool = *db::Pool::Create({.url = Secret(database_.url()),
                                         .schema = "auth",
                                         .wait = absl::Seconds(20),
                                         .statement_timeout = absl::Seconds(20)});
    PostgresCredentialStore store(*pool);
    const auto keys = store.FindKeysOfKek(absl::Now() + absl::Seconds(30), 2, users + 1);
    ASSERT_THAT(keys, IsOk());
    ASSERT_EQ(keys->size(), static_cast<std::size_t>(users));
    const Vault vault(NewKeyRing({2}));
    for (const SealedKey& key : *keys) {
      const auto payload = vault.Open(ContextOf(key.about), key.blob);
      ASSERT_THAT(payload, IsOk()) << key.about.user_id;
      const auto expected = stored.find(key.about.user_id);
      EXPECT_EQ(UnpackCredential(*payload)->key.Reveal(),
                expected == stored.end() ? StoredKeyOf(key.about.user_id) : expected->second);
    }
  }
};

TEST_F(KeyRotationProcessTest, ChangesTheKeyUnderLoadWithoutFailingACall) {
  StartAndWaitUntilServing();
  const std::int64_t first_user = Fill(kUsersUnderLoad);
  const auto load = StartLoad(first_user, kUsersUnderLoad);
  WriteRing({1, 2});
  AwaitLog(R"("primary":1,"keys":2)");
  WriteRing({2, 1});
  AwaitLog(R"("primary":2,"keys":2)");
  AwaitTrue([&] { return CountSealedBy(1) == 0; });
  WriteRing({2});
  const int opened = load->opened();
  AwaitTrue([&] { return load->opened() > opened + 50; });
  load->Stop();
  EXPECT_EQ(load->outages(), 0);
  EXPECT_GT(load->stored(), 0);
  EXPECT_THAT(Read("output"), Not(HasSubstr("key_ring_refused")));
  ExpectAllSealedByTwo(kUsersUnderLoad, load->Stored());
  EXPECT_EQ(Stop(SIGTERM), 0) << Read("errors");
  EXPECT_THAT(Read("output"), Not(HasSubstr("canary")));
}

// R18.
TEST_F(KeyRotationProcessTest, SealsEveryKeyAnewThoughItIsKilled) {
  for (int run = 0; run < RunsFromEnvironment(); ++run) {
    SCOPED_TRACE(run);
    std::mt19937_64 random(std::random_device{}());
    WriteRing({1});
    StartAndWaitUntilServing();
    const std::int64_t first_user = Fill(kUsersKilled);
    if (run == 0) SlowChangesDown();
    const auto load = StartLoad(first_user, kUsersKilled);
    WriteRing({2, 1});
    AwaitTrue([&] { return CountSealedBy(1) < kUsersKilled; });
    for (int kill = 0; kill < kKills; ++kill) {
      const int opened = load->opened();
      AwaitTrue([&] { return load->opened() > opened; });
      absl::SleepFor(absl::Milliseconds(random() % 300));
      Stop(SIGKILL);
      // Else the program was killed with nothing to do, which shows nothing.
      ASSERT_GT(CountSealedBy(1), 0) << kill;
      StartAndWaitUntilServing();
    }
    AwaitTrue([&] { return CountSealedBy(1) == 0; });
    load->Stop();
    EXPECT_GT(load->opened(), kKills);
    EXPECT_GT(load->stored(), 0);
    ExpectAllSealedByTwo(kUsersKilled, load->Stored());
    WriteRing({2});
    AwaitTrue([&] { return Open(first_user + 1).ok(); });
    EXPECT_EQ(Stop(SIGTERM), 0) << Read("errors");
    // To delete thousands at once would prune the revocations of the runs before as often.
    database_.Execute("TRUNCATE auth.users CASCADE");
  }
}

TEST_F(KeyRotationProcessTest, RefusesToDropAKeyThatIsStillUsed) {
  StartAndWaitUntilServing();
  const std::int64_t user_id = Fill(1);
  WriteRing({2});
  AwaitLog("key_ring_refused");
  EXPECT_THAT(Read("output"), HasSubstr("lacks the key 1"));
  EXPECT_EQ(Open(user_id)->api_key(), StoredKeyOf(user_id));
  EXPECT_EQ(Stop(SIGTERM), 0);
  ExpectRefused("it lacks the key 1, which stored keys still need");
  WriteRing({2, 1});
  StartAndWaitUntilServing();
  EXPECT_EQ(Open(user_id)->api_key(), StoredKeyOf(user_id));
}

}  // namespace
}  // namespace playlog::auth
