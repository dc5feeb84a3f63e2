// Every kind of key is replaced while fifty requests a second come in, step by step as
// deploy/rotate-keys does it, and none of them fails.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

constexpr absl::Duration kBetweenRequests = absl::Milliseconds(20);
constexpr int kThreads = 16;
constexpr int kUsers = 4;
// Hashing a password takes most of a core under a sanitizer, so sign-ins are a small share.
constexpr int kRequestsPerSignIn = 250;
constexpr int kRequestsPerRefresh = 25;
constexpr int kRequestsPerFetch = 10;
constexpr absl::Duration kStepTime = absl::Seconds(60);
// kPublishBeforeSigning of services/auth/tokens.h, and a little.
constexpr absl::Duration kPublishedFor = absl::Seconds(62);

// Sends requests at a steady rate, whatever becomes of those before, until it is stopped.
class Load {
 public:
  explicit Load(std::vector<User> users) : users_(std::move(users)) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Load() { Stop(); }

  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  int good() const { return good_; }
  // The requests that failed, in words.
  std::vector<std::string> failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }
  double rate() const { return good_ / absl::ToDoubleSeconds(absl::Now() - began_); }

 private:
  void Work() {
    while (!stop_) {
      const int number = next_++;
      // The arrivals are a schedule: a slow answer delays nothing but its own thread.
      const absl::Time due = began_ + number * kBetweenRequests;
      if (!SleepUntil(due)) return;
      Send(number);
    }
  }
  bool SleepUntil(absl::Time due) const {
    while (absl::Now() < due) {
      if (stop_) return false;
      absl::SleepFor(std::min(due - absl::Now(), absl::Milliseconds(100)));
    }
    return true;
  }

  void Send(int number) {
    const std::size_t index = static_cast<std::size_t>(number) % users_.size();
    const Api api(EndToEndTest::stack().http_port());
    if (number % kRequestsPerSignIn == 0) return SignIn(api, index);
    if (number % kRequestsPerRefresh == 0) return Refresh(api, index);
    const User user = Snapshot(index);
    const std::string what = number % kRequestsPerFetch == 0 ? "fetch" : "read";
    const HttpAnswer answer =
        what == "fetch" ? (index % 2 == 0 ? api.FetchSpotify(user) : api.FetchLastfm(user))
                        : api.StoredSongs(user, "?limit=5");
    Count(what, answer);
  }

  void SignIn(const Api& api, std::size_t index) {
    const User user = Snapshot(index);
    const HttpAnswer answer =
        api.Post("/users/token/", absl::StrCat("{\"username\":", Quoted(user.name),
                                               ",\"password\":", Quoted(user.password), "}"));
    if (Count("sign-in", answer)) Keep(index, answer);
  }

  // One at a time for each user, since a refresh token is spent by its use.
  void Refresh(const Api& api, std::size_t index) {
    const std::lock_guard turn(turns_[index]);
    const User user = Snapshot(index);
    const HttpAnswer answer =
        api.Post("/users/token/refresh/", "{\"refresh\":" + Quoted(user.refresh) + "}");
    if (Count("refresh", answer)) Keep(index, answer);
  }

  bool Count(const std::string& what, const HttpAnswer& answer) {
    if (answer.status == 200 && answer.whole) {
      ++good_;
      return true;
    }
    const std::lock_guard lock(mutex_);
    failed_.push_back(absl::StrCat(what, ": ", answer.status, " ", answer.body));
    return false;
  }

  User Snapshot(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return users_[index];
  }
  void Keep(std::size_t index, const HttpAnswer& tokens) {
    const std::lock_guard lock(mutex_);
    users_[index].access = Member(tokens.body, "access");
    users_[index].refresh = Member(tokens.body, "refresh");
  }

  const absl::Time began_ = absl::Now();
  std::atomic<bool> stop_ = false;
  std::atomic<int> next_ = 1;
  std::atomic<int> good_ = 0;
  mutable std::mutex mutex_;
  std::array<std::mutex, kUsers> turns_;
  std::vector<User> users_;
  std::vector<std::string> failed_;
  std::vector<std::thread> threads_;
};

class RotationTest : public EndToEndTest {
 protected:
  static std::vector<User> NewUsers() {
    std::vector<User> users;
    for (int i = 0; i < kUsers; ++i) {
      users.push_back(api().NewUser());
      EXPECT_EQ(api().StoreSpotifyToken(users.back(), "s" + users.back().name).status, 201);
      EXPECT_EQ(api().StoreLastfmKey(users.back(), "key", "l" + users.back().name).status, 201);
    }
    return users;
  }

  static std::string PathOf(const std::string& file) { return stack().directory() + "/" + file; }

  // A whole new file of mode 0400 in the place of another.
  static void Replace(const std::string& file, const std::string& contents) {
    testing::WriteSecretFile(PathOf(file) + ".fresh", contents);
    ASSERT_EQ(std::rename((PathOf(file) + ".fresh").c_str(), PathOf(file).c_str()), 0);
  }

  static ::testing::AssertionResult AwaitMetric(const std::string& name, double value) {
    const bool reached = Await(
        kStepTime, [&] { return stack().Metric("auth", name) == value; }, absl::Milliseconds(200));
    if (reached) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << name << " is not " << value;
  }

  // Runs the steps under load; every request must be answered with 200.
  static void RotateUnderLoad(const std::function<void(Load&)>& steps) {
    Load load(NewUsers());
    steps(load);
    // New tokens, keys and connections are used for some time.
    absl::SleepFor(absl::Seconds(3));
    load.Stop();
    std::printf("%d requests, %.0f a second\n", load.good(), load.rate());
    EXPECT_THAT(load.failed(), ::testing::IsEmpty());
    EXPECT_GT(load.good(), 150);
  }
};

TEST_F(RotationTest, NewCertificatesFailNoRequest) {
  RotateUnderLoad([](Load&) {
    for (const std::string& service : Stack::Services()) stack().RotateCertificate(service);
    // The files are looked at every second. Those who connect anew from now on use the new ones.
    absl::SleepFor(absl::Seconds(3));
  });
}

// The kid of the key that signs now, by the page of metrics.
std::string SigningKid(const std::string& page) {
  constexpr std::string_view kName = "playlog_token_key_signing{kid=\"";
  for (std::size_t at = page.find(kName); at != std::string::npos; at = page.find(kName, at + 1)) {
    const std::size_t begin = at + kName.size();
    const std::size_t end = page.find('"', begin);
    if (page.substr(end, 4) == "\"} 1") return page.substr(begin, end - begin);
  }
  return "";
}

TEST_F(RotationTest, ANewTokenKeyFailsNoRequest) {
  const std::string old_key = ReadFile(PathOf("token_key.pem"));
  const std::string old_kid = SigningKid(stack().Metrics("auth"));
  ASSERT_NE(old_kid, "");
  testing::WriteEcKey(PathOf("new_key.pem"));
  const std::string new_key = ReadFile(PathOf("new_key.pem"));
  RotateUnderLoad([&](Load& load) {
    Replace("token_key.pem", old_key + new_key);
    ASSERT_TRUE(Await(kStepTime, [] {
      return CountOf(stack().Metrics("auth"), "\nplaylog_token_key_listed{") == 2;
    }));
    EXPECT_EQ(SigningKid(stack().Metrics("auth")), old_kid);
    absl::SleepFor(kPublishedFor);
    EXPECT_THAT(load.failed(), ::testing::IsEmpty());
    Replace("token_key.pem", new_key + old_key);
    ASSERT_TRUE(Await(kStepTime, [&] {
      const std::string kid = SigningKid(stack().Metrics("auth"));
      return !kid.empty() && kid != old_kid;
    }));
  });
  // Retired at last. The tokens that it signed would have ended by then: here they end with it.
  Replace("token_key.pem", new_key);
  EXPECT_TRUE(AwaitMetric(absl::StrCat("playlog_token_key_listed{kid=\"", old_kid, "\"}"), 0));
  EXPECT_EQ(stack().Metric("auth", "playlog_token_key_file_good"), 1);
  EXPECT_EQ(api().Get("/users/me/", api().NewUser().access).status, 200);
}

TEST_F(RotationTest, ANewKeyEncryptionKeyFailsNoRequest) {
  RotateUnderLoad([](Load&) {
    const std::string ring = ReadFile(PathOf("key_encryption_key.json"));
    std::string bytes(32, '\0');
    std::ifstream("/dev/urandom", std::ios::binary).read(bytes.data(), 32);
    const std::string added = absl::StrReplaceAll(
        ring, {{"]}", absl::StrCat(R"(,{"id":2,"key":")", absl::Base64Escape(bytes), R"("}]})")}});
    Replace("key_encryption_key.json", added);
    ASSERT_TRUE(AwaitMetric(R"(playlog_key_ring_has_key{kek_id="2"})", 1));
    const std::string promoted = absl::StrReplaceAll(added, {{R"("primary":1)", R"("primary":2)"}});
    Replace("key_encryption_key.json", promoted);
    ASSERT_TRUE(AwaitMetric("playlog_key_ring_primary", 2));
    ASSERT_TRUE(AwaitMetric(R"(playlog_sealed_keys{kek_id="1"})", 0));
    EXPECT_EQ(
        stack().database().Execute("SELECT count(*) FROM auth.api_credentials WHERE kek_id <> 2"),
        "0");
    const std::string old_entry =
        absl::StrCat(R"({"id":1,"key":")", Member(ring, "keys.0.key"), R"("},)");
    Replace("key_encryption_key.json", absl::StrReplaceAll(promoted, {{old_entry, ""}}));
    ASSERT_TRUE(AwaitMetric(R"(playlog_key_ring_has_key{kek_id="1"})", 0));
    EXPECT_TRUE(AwaitMetric("playlog_key_ring_refused", 0));
  });
}

}  // namespace
}  // namespace playlog::harness
