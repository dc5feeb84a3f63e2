// No file is opened, looked at or named in any way because a request asks for it (TH29, rows H43 to
// H45): shown by what a gateway that strace watches asks of the kernel.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kStrace[] = "/usr/bin/strace";
constexpr absl::Duration kEndTime = absl::Seconds(30);
constexpr absl::Duration kStartTime = absl::Seconds(90);

class OpenedFilesTest : public BadInputTest {
 protected:
  void SetUp() override {
    const std::string missing = Missing();
    if (missing.empty()) return;
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << missing << ", in CI";
    GTEST_SKIP() << missing;
  }

  // Why nothing can be watched, in words; empty if it can.
  static std::string Missing() {
    if (access(kStrace, X_OK) != 0) return absl::StrCat("there is no ", kStrace);
    // The services forbid to be looked into.
    return geteuid() == 0 ? "" : "only root sees which files a service names";
  }

  static std::string TracePath() { return stack().directory() + "/opened"; }

  // The calls so far that name a file, one a line.
  static std::vector<std::string> Trace() {
    return absl::StrSplit(ReadFile(TracePath()), '\n', absl::SkipEmpty());
  }

  // Starts a gateway whose every call that names a file goes to the trace.
  static void StartWatched() {
    // Looking for leaks is itself done by tracing, which nobody can do to a process twice.
    stack().StartReplica("gateway",
                         {kStrace, "--follow-forks", "--seccomp-bpf", "-qq", "--signal=none",
                          "--string-limit=4096", "--trace=%file", "--output=" + TracePath(), "-E",
                          "ASAN_OPTIONS=detect_leaks=0:disable_coredump=0"});
    const Api watched(stack().replica_http_port());
    ASSERT_TRUE(Await(
        kStartTime, [&] { return watched.Get("/readyz").status == 200; }, absl::Milliseconds(50)));
  }
  static void StopWatched() {
    ChildProcess& strace = stack().process("gateway_2");
    // strace hands a signal of this kind to nobody: the gateway has to be told itself.
    kill(GatewayOf(strace.pid()), SIGTERM);
    EXPECT_EQ(strace.ExitCode(kEndTime), 0);
    stack().Forget("gateway_2");
  }
  static pid_t GatewayOf(pid_t strace) {
    const std::string children =
        ReadFile(absl::StrCat("/proc/", strace, "/task/", strace, "/children"));
    return std::atoi(children.c_str());
  }

  // What the gateway reads again while it runs, how fast the processor's clock is, which Abseil
  // asks when it first needs it, and calls that ask about an open descriptor.
  static bool IsItsOwn(const std::string& call) {
    return call.find(stack().TlsDirectoryOf("gateway")) != std::string::npos ||
           call.find("\"/sys/devices/system/cpu/") != std::string::npos ||
           call.find("\"\"") != std::string::npos;
  }
};

TEST_F(OpenedFilesTest, H43H44H45NoFileIsNamedByARequest) {
  Sender();
  ASSERT_NO_FATAL_FAILURE(StartWatched());
  const std::size_t before = Trace().size();
  ASSERT_GT(before, 0U);
  std::vector<BadRequest> rows;
  for (BadRequest& row : HttpRequestRows()) {
    if (row.id == "H43" || row.id == "H44" || row.id == "H45") rows.push_back(std::move(row));
  }
  ASSERT_GE(rows.size(), 9U);
  for (const char* target :
       {"/.git/config", "/etc/passwd", "/services/gateway/main.cc", "/index.html", "/favicon.ico",
        "/../../etc/passwd", "/healthz/../../etc/passwd", "/openapi.json/../.git/HEAD"}) {
    rows.push_back({.id = "TH29", .what = target, .bytes = WithToken("GET", target), .status = 0});
  }
  for (const BadRequest& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.id, ": ", row.what));
    HttpConnection connection(stack().replica_http_port());
    connection.Send(absl::StrReplaceAll(row.bytes, {{"{TOKEN}", Sender().access}}));
    const int status = connection.Read().status;
    if (row.status != 0) {
      EXPECT_EQ(status, row.status);
    } else {
      EXPECT_GE(status, 400);
    }
  }
  StopWatched();
  const std::vector<std::string> calls = Trace();
  std::vector<std::string> foreign;
  for (std::size_t i = before; i < calls.size(); ++i) {
    if (!IsItsOwn(calls[i])) foreign.push_back(calls[i]);
  }
  EXPECT_THAT(foreign, IsEmpty());
  // strace saw what it had to see: the certificate, which is read at the start.
  EXPECT_THAT(calls, Contains(HasSubstr("cert.pem")));
}

}  // namespace
}  // namespace playlog::harness
