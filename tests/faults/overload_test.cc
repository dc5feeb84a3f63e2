// What a flood at the public port costs everybody else: sign-ins (TH4), slow connections and
// descriptors that run out (TH3). Times are compared within one run, and with wide margins: what is
// shown is that nobody waits behind the flood, not how fast the machine is.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/open_loop.h"

namespace playlog::faults {
namespace {

using harness::Await;
using harness::HttpAnswer;
using harness::HttpConnection;
using harness::RequestText;
using harness::User;
using ::testing::AnyOf;

constexpr int kReadsPerSecond = 20;
constexpr int kReaders = 8;
// What somebody who reads may wait longer. Twice as long is what we promise of the release build on
// a machine that has nothing else to do (SECURITY.md says what was measured).
constexpr double kRatioMax = 10;
// A read that takes less than this, flood or not, is as good as at once.
constexpr absl::Duration kAtOnce = absl::Milliseconds(50);
// The answer to a sign-in that is refused, once it is sent.
constexpr absl::Duration kRefusedWithin = absl::Seconds(1);
constexpr absl::Duration kSignsInAgain = absl::Seconds(5);
// One hash, and under AddressSanitizer what is kept back of freed memory.
constexpr std::int64_t kGrowthKibMax = 128 << 10;
constexpr int kSignInThreads = 64;
constexpr int kUsers = 8;

constexpr int kSlowOfAKind = 125;
constexpr int kKinds = 4;
// From the beginning of a request to its end (services/gateway/http_limits.h), and a moment.
constexpr absl::Duration kSlowClosedWithin = absl::Seconds(13);
constexpr double kCpuShareMax = 0.2;
constexpr rlim_t kFewDescriptors = 64;
constexpr int kWaitingConnections = 100;

class OverloadTest : public FaultTest {
 protected:
  // A user with a page of songs, who reads them.
  static const User& Reader() {
    static const User& user = *[] {
      auto* made = new User(api().NewUser());
      EXPECT_EQ(api().StoreSpotifyToken(*made, "reader").status, 201);
      EXPECT_EQ(api().FetchSpotify(*made).status, 200);
      return made;
    }();
    return user;
  }

  // Reads songs for a time. Every read has to succeed.
  static std::vector<Timed> Read(absl::Duration time) {
    std::vector<Timed> reads = SendOpenLoop(kReadsPerSecond, kReaders, time,
                                            [](int) { return api().StoredSongs(Reader()); });
    for (const Timed& read : reads) EXPECT_EQ(read.answer.status, 200) << read.answer.body;
    return reads;
  }

  static void CompareReads(Experiment& experiment, const std::string& what,
                           const std::vector<Timed>& before, const std::vector<Timed>& during) {
    const absl::Duration base = Percentile(before, 99);
    const absl::Duration now = Percentile(during, 99);
    std::cout << absl::StreamFormat(
        "%s: p99 of reads %.1f ms, %.1f ms before (median %.1f, %.1f)\n", what,
        absl::ToDoubleMilliseconds(now), absl::ToDoubleMilliseconds(base),
        absl::ToDoubleMilliseconds(Percentile(during, 50)),
        absl::ToDoubleMilliseconds(Percentile(before, 50)));
    experiment.Measure(now, kRatioMax * std::max(base, kAtOnce));
  }

  // The share of a core that a process takes over a time.
  static double CpuShare(pid_t pid, absl::Duration time) {
    const double before = CpuSeconds(pid);
    absl::SleepFor(time);
    return (CpuSeconds(pid) - before) / absl::ToDoubleSeconds(time);
  }
  static double CpuSeconds(pid_t pid) {
    const std::string stat = harness::ReadFile(absl::StrCat("/proc/", pid, "/stat"));
    // The fields behind the name, which may hold anything: utime and stime are the 14th and 15th.
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
    double user = 0;
    double system = 0;
    EXPECT_TRUE(absl::SimpleAtod(fields[11], &user) && absl::SimpleAtod(fields[12], &system));
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
};

class SignInFlood {
 public:
  explicit SignInFlood(const harness::Api& api, int port) : port_(port) {
    for (int i = 0; i < kUsers; ++i) users_.push_back(api.NewUser());
  }

  // Every other password is right. The wrong ones come from ever other addresses for ever other
  // accounts, so that counting failures does not refuse them before the costly hash.
  HttpAnswer SignIn(int number) const {
    const User& user = users_[static_cast<std::size_t>(number / 2 % kUsers)];
    const bool right = number % 2 == 0;
    const std::string name = right ? user.name : absl::StrCat("nobody-", number);
    const std::string body = absl::StrCat("{\"username\":", harness::Quoted(name),
                                          ",\"password\":", harness::Quoted(user.password), "}");
    HttpConnection connection(
        port_, absl::StrCat("127.0.", number / 200 % 200 + 1, ".", number % 200 + 1));
    connection.Send(RequestText("POST", "/users/token/", "", body));
    return connection.Read();
  }

  const User& user() const { return users_.front(); }

 private:
  const int port_;
  std::vector<User> users_;
};

void ExpectRefusedAtOnce(Experiment& experiment, const std::vector<Timed>& sign_ins) {
  std::map<int, int> statuses;
  std::vector<Timed> refused;
  for (const Timed& sign_in : sign_ins) {
    const int status = sign_in.answer.status;
    ++statuses[status];
    EXPECT_THAT(status, AnyOf(200, 401, 429, 503)) << sign_in.answer.body;
    if (status != 429 && status != 503) continue;
    EXPECT_NE(sign_in.answer.Header("retry-after"), "");
    refused.push_back({.answer = {}, .took = sign_in.answer.duration});
  }
  EXPECT_GT(statuses[200], 0) << "nobody was let in";
  ASSERT_FALSE(refused.empty()) << "there was no flood";
  experiment.CountFault(static_cast<int>(refused.size()));
  experiment.Measure(Percentile(refused, 50), kRefusedWithin);
  std::cout << "sign-ins:";
  for (const auto& [status, count] : statuses) std::cout << ' ' << status << ": " << count;
  std::cout << absl::StreamFormat("; refused within %.1f ms (median), %.1f ms (p99)\n",
                                  absl::ToDoubleMilliseconds(Percentile(refused, 50)),
                                  absl::ToDoubleMilliseconds(Percentile(refused, 99)));
}

TEST_F(OverloadTest, TH4AFloodOfSignInsLeavesReadersAlone) {
  Experiment experiment("TH4 sign-ins", {.slice = 1, .gate = 3});
  const absl::Duration time = absl::Seconds(experiment.is_slice() ? 2 : 10);
  // Under a sanitizer and beside other tests the gateway alone would be too slow for more.
  const int per_second = experiment.is_slice() ? 100 : 500;
  const SignInFlood flood(api(), stack().http_port());
  Read(absl::Milliseconds(500));  // So that what is slow at first is over.
  for (int run = 0; run < experiment.runs(); ++run) {
    std::map<std::string, std::int64_t> memory;
    for (const char* service : {"gateway", "auth"}) {
      memory[service] = stack().process(service).MemoryKib("VmRSS");
    }
    const std::vector<Timed> before = Read(time);
    std::vector<Timed> sign_ins;
    std::thread flooding([&] {
      sign_ins = SendOpenLoop(per_second, kSignInThreads, time,
                              [&flood](int number) { return flood.SignIn(number); });
    });
    const std::vector<Timed> during = Read(time);
    flooding.join();
    CompareReads(experiment, absl::StrCat(per_second, " sign-ins a second"), before, during);
    ExpectRefusedAtOnce(experiment, sign_ins);
    for (const auto& [service, kib] : memory) {
      EXPECT_LE(stack().process(service).MemoryKib("VmRSS"), kib + kGrowthKibMax) << service;
    }
    const absl::Time ended = absl::Now();
    EXPECT_TRUE(Await(kBackTime, [&] { return flood.SignIn(0).status == 200; }));
    experiment.Measure(absl::Now() - ended, kSignsInAgain);
  }
}

// Connections that take their time in four ways: the header, the body, many ranges in a header and
// nothing more, and reading the answer.
class SlowCrowd {
 public:
  SlowCrowd(int port, const std::string& token) {
    const std::string begun = "GET /users/me/ HTTP/1.1\r\nHost: a\r\nX-A: ";
    const std::string body =
        "POST /users/token/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 4096\r\n\r\n";
    std::string ranges = "GET /openapi.json HTTP/1.1\r\nHost: a\r\nRange: bytes=0-";
    for (int i = 0; i < 500; ++i) absl::StrAppend(&ranges, ",5-", i);
    std::string reads;
    for (int i = 0; i < 40; ++i) {
      absl::StrAppend(&reads, "GET /openapi.json HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
                      token, "\r\n\r\n");
    }
    for (int i = 0; i < kSlowOfAKind; ++i) {
      Add(port, 1, begun);
      Add(port, 2, body);
      Add(port, 3, ranges);
      Add(port, 4, reads);
    }
  }

  int connected() const { return static_cast<int>(connections_.size()); }
  // Adds a byte to what each of those that send has sent.
  void Drip() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (i % kKinds != kKinds - 1) connections_[i]->Send("1");
    }
  }
  // Whether all that send have been cut.
  bool AreSendersClosed() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (i % kKinds == kKinds - 1) continue;
      if (!connections_[i]->AwaitClose(absl::ZeroDuration())) return false;
    }
    return true;
  }

 private:
  // Each kind has an address of its own, since one address has few connections.
  void Add(int port, int kind, const std::string& bytes) {
    auto connection =
        std::make_unique<HttpConnection>(port, absl::StrCat("127.0.0.", 10 + kind), 2048);
    if (connection->connected() && connection->Send(bytes)) {
      connections_.push_back(std::move(connection));
    }
  }

  std::vector<std::unique_ptr<HttpConnection>> connections_;
};

TEST_F(OverloadTest, TH3SlowConnectionsLeaveReadersAlone) {
  Experiment experiment("TH3 slow connections", {.slice = 1, .gate = 3});
  const absl::Duration time = absl::Seconds(experiment.is_slice() ? 2 : 8);
  Read(absl::Milliseconds(500));
  for (int run = 0; run < experiment.runs(); ++run) {
    const std::vector<Timed> before = Read(time);
    const absl::Time began = absl::Now();
    SlowCrowd crowd(stack().http_port(), Reader().access);
    ASSERT_EQ(crowd.connected(), kKinds * kSlowOfAKind);
    EXPECT_TRUE(Await(kBackTime, [] {
      return stack().Metric("gateway", "playlog_http_connections").value_or(0) >=
             (kKinds - 1) * kSlowOfAKind;
    }));
    experiment.CountFault();
    std::atomic<bool> stop = false;
    std::thread dripping([&] {
      while (!stop) {
        crowd.Drip();
        absl::SleepFor(absl::Milliseconds(500));
      }
    });
    const std::vector<Timed> during = Read(time);
    stop = true;
    dripping.join();
    CompareReads(experiment, "500 slow connections", before, during);
    if (experiment.is_slice()) continue;
    EXPECT_TRUE(Await(
        kBackTime, [&] { return crowd.AreSendersClosed(); }, absl::Milliseconds(50)));
    experiment.Measure(absl::Now() - began, kSlowClosedWithin);
  }
}

TEST_F(OverloadTest, TH3WithoutDescriptorsTheGatewayWaits) {
  Experiment experiment("TH3 descriptors", {.slice = 1, .gate = 3});
  const pid_t gateway = stack().process("gateway").pid();
  for (int run = 0; run < experiment.runs(); ++run) {
    rlimit usual{};
    ASSERT_EQ(prlimit(gateway, RLIMIT_NOFILE, nullptr, &usual), 0);
    const rlimit few{kFewDescriptors, usual.rlim_max};
    ASSERT_EQ(prlimit(gateway, RLIMIT_NOFILE, &few, nullptr), 0);
    std::vector<std::unique_ptr<HttpConnection>> waiting;
    for (int i = 0; i < kWaitingConnections; ++i) {
      waiting.push_back(std::make_unique<HttpConnection>(stack().http_port()));
    }
    const double share = CpuShare(gateway, absl::Seconds(2));
    std::cout << absl::StreamFormat("without descriptors: %.1f %% of a core\n", 100 * share);
    EXPECT_LE(share, kCpuShareMax);
    const std::string request = RequestText("GET", "/healthz", "");
    if (harness::Exchange(stack().http_port(), request, absl::Seconds(1)).status == 0) {
      experiment.CountFault();
    }
    ASSERT_EQ(prlimit(gateway, RLIMIT_NOFILE, &usual, nullptr), 0);
    waiting.clear();
    const absl::Time began = absl::Now();
    EXPECT_TRUE(Await(kBackTime, [] { return api().StoredSongs(Reader()).status == 200; }));
    experiment.Measure(absl::Now() - began, absl::Seconds(2));
  }
}

}  // namespace
}  // namespace playlog::faults
