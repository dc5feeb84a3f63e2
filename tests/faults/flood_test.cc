// Floods against the gRPC port of each service, by a peer that has a certificate and by one that
// has none: rows P11 to P16 of the corpus of bad input, which are what CVE-2023-44487,
// CVE-2023-33953 and CVE-2023-4785 do to the gRPC that we are given, and promise R28: a process
// that is wedged is replaced.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/server.h"
#include "common/testing/temporary_directory.h"
#include "tests/faults/experiment.h"
#include "tests/faults/fault_test.h"
#include "tests/faults/http2_peer.h"

namespace playlog::faults {
namespace {

using harness::Await;

// A service and an RPC that it serves.
const std::map<std::string, std::string>& Ports() {
  static const auto& ports = *new std::map<std::string, std::string>{
      {"auth", "/playlog.auth.v1.UserService/GetMe"},
      {"song_store", "/playlog.songs.v1.SongStoreService/GetStoredSongs"},
      {"spotify_ingest", "/playlog.spotify.v1.SpotifyIngestService/FetchRecentlyPlayed"},
      {"lastfm_ingest", "/playlog.lastfm.v1.LastfmIngestService/FetchRecentTracks"}};
  return ports;
}

constexpr int kResets = 20'000;
constexpr std::size_t kFrameBytes = 4096;
constexpr std::size_t kSmallFrameBytes = 1024;
constexpr int kErrorCancel = 8;
// gRPC's callbacks run on as many threads as the machine has cores, and a few that it lends.
constexpr std::int64_t kThreadsMax = 32;
// What a peer with a certificate can take of a service's memory by one connection. An error
// there is an error of ours, for the certificate is one of ours; nobody else gets so far.
constexpr std::int64_t kTrustedKibMax = std::int64_t{1536} << 10;
constexpr std::int64_t kStrangerKibMax = std::int64_t{64} << 10;
constexpr absl::Duration kAnswersWithin = absl::Seconds(10);
// Three checks of its own health that fail, of 5 s each, with pauses of 2 s; then the new process.
constexpr absl::Duration kReplacedWithin = absl::Seconds(30);
constexpr int kIdleConnections = 100;
constexpr rlim_t kDescriptors = 64;

std::string ResetFlood(const std::string& rpc) {
  const std::string block = HeaderBlock(CallFields(rpc));
  const std::string reason = {0, 0, 0, kErrorCancel};
  std::string flood = Http2Preface();
  for (std::uint32_t i = 0; i < kResets; ++i) {
    const std::uint32_t stream = 2 * i + 1;
    flood += Http2Frame(FrameType::kHeaders, kEndHeaders, stream, block);
    flood += Http2Frame(FrameType::kResetStream, 0, stream, reason);
  }
  return flood;
}

// A call whose metadata are one value of so many bytes.
std::string LongMetadata(const std::string& rpc, std::size_t bytes, std::size_t frame_bytes) {
  HeaderFields fields = CallFields(rpc);
  fields.emplace_back("x-flood", std::string(bytes, 'x'));
  return Http2Preface() + HeaderFrames(1, HeaderBlock(fields), frame_bytes);
}

// A call with one of gRPC's own fields changed; gone if `value` is empty.
std::string OddCall(const std::string& rpc, const std::string& name, const std::string& value) {
  HeaderFields fields;
  for (const auto& field : CallFields(rpc)) {
    if (field.first != name) fields.push_back(field);
    if (field.first == name && !value.empty()) fields.emplace_back(name, value);
  }
  return Http2Preface() + HeaderFrames(1, HeaderBlock(fields), kFrameBytes);
}

std::map<std::string, std::string> Floods(const std::string& rpc, std::size_t longest_bytes) {
  return {{"P11 long metadata in one frame", LongMetadata(rpc, 9 << 10, 16 << 10)},
          {"P12 200 KB of metadata", LongMetadata(rpc, 200 << 10, kFrameBytes)},
          {"P13 metadata in small frames", LongMetadata(rpc, longest_bytes, kSmallFrameBytes)},
          {"P14 resets", ResetFlood(rpc)},
          {"P16 no te", OddCall(rpc, "te", "")},
          {"P16 another te", OddCall(rpc, "te", "x")},
          {"P16 an unknown scheme", OddCall(rpc, ":scheme", "x")}};
}

class FloodTest : public FaultTest {
 protected:
  struct Size {
    std::int64_t threads = 0;
    std::int64_t memory_kib = 0;  // The most that it ever was.
  };
  static Size SizeOf(const std::string& service) {
    const harness::ChildProcess& process = stack().process(service);
    return {process.MemoryKib("Threads"), process.MemoryKib("VmHWM")};
  }
  // Over a connection of its own, as somebody who comes anew.
  static bool IsWell(const std::string& service) {
    return rpc::CheckHealth(service, "unix:" + stack().SocketOf(service),
                            stack().TlsDirectoryOf("operator"), absl::Seconds(2))
        .ok();
  }
  // The same process answers a good call, and has not grown beyond its bounds since `before`.
  static void ExpectUnharmed(Experiment& experiment, const std::string& service, const Size& before,
                             std::int64_t growth_kib_max) {
    const absl::Time began = absl::Now();
    EXPECT_TRUE(Await(kBackTime, [&] { return IsWell(service); }));
    experiment.Measure(absl::Now() - began, kAnswersWithin);
    const Size now = SizeOf(service);
    EXPECT_LE(now.threads, before.threads + kThreadsMax);
    EXPECT_LE(now.memory_kib, before.memory_kib + growth_kib_max);
    EXPECT_FALSE(stack().process(service).ExitCode().has_value()) << "it has ended";
  }
  static void ExpectGoodRequests(Experiment& experiment, const harness::User& user) {
    const absl::Time began = absl::Now();
    for (const char* target :
         {"/readyz", "/music/get-stored-songs/", "/users/me/", "/music/sync/"}) {
      EXPECT_TRUE(Await(kBackTime, [&] { return api().Get(target, user.access).status == 200; }))
          << target;
    }
    experiment.Measure(absl::Now() - began, kAnswersWithin);
  }
};

TEST_F(FloodTest, P17APeerWithoutACertificateOfOursReachesNoParser) {
  Experiment experiment("TH17 strangers", {.slice = 1, .gate = 3});
  const testing::TestAuthority stranger;
  const testing::TemporaryDirectory folder;
  const harness::User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const auto& [service, rpc] : Ports()) {
      for (const std::string& tls : {std::string(), stranger.Issue(folder.path(), "gateway")}) {
        SCOPED_TRACE(absl::StrCat(service, tls.empty() ? " without" : " with another's"));
        const Size before = SizeOf(service);
        Http2Peer peer(stack().SocketOf(service), tls);
        ASSERT_TRUE(peer.connected());
        // The certificate is asked for after the client's part of the handshake, so that all of
        // this may be on its way before the server says no.
        peer.Send(ResetFlood(rpc));
        EXPECT_EQ(peer.Receive(absl::Seconds(5)), "") << "it was let in";
        experiment.CountFault();
        ExpectUnharmed(experiment, service, before, kStrangerKibMax);
      }
    }
    ExpectGoodRequests(experiment, user);
  }
}

TEST_F(FloodTest, P11P16APeerWithACertificateHarmsNobodyElse) {
  Experiment experiment("TH17 floods", {.slice = 1, .gate = 3});
  const std::size_t longest = (experiment.is_slice() ? 1 : 4) << 20;
  const harness::User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    for (const auto& [service, rpc] : Ports()) {
      const Size before = SizeOf(service);
      for (const auto& [what, flood] : Floods(rpc, longest)) {
        SCOPED_TRACE(absl::StrCat(service, ": ", what));
        Http2Peer peer(stack().SocketOf(service), stack().TlsDirectoryOf("gateway"));
        ASSERT_TRUE(peer.connected());
        EXPECT_NE(peer.Receive(absl::Seconds(5), 1), "") << "it was not let in";
        if (peer.Send(flood)) experiment.CountFault();
        // While the connection is open.
        ExpectUnharmed(experiment, service, before, kTrustedKibMax);
      }
    }
    ExpectGoodRequests(experiment, user);
  }
}

TEST_F(FloodTest, R28P15AServiceThatAcceptsNoMoreIsReplaced) {
  Experiment experiment("R28 descriptors", {.slice = 1, .gate = 3});
  const harness::User user = api().NewUser();
  for (int run = 0; run < experiment.runs(); ++run) {
    std::vector<int> idle;
    const absl::Cleanup close_all = [&idle] {
      for (const int connection : idle) close(connection);
    };
    for (const auto& [service, rpc] : Ports()) {
      const rlimit limit{kDescriptors, kDescriptors};
      ASSERT_EQ(prlimit(stack().process(service).pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
      for (int i = 0; i < kIdleConnections; ++i) {
        idle.push_back(ConnectToSocket(stack().SocketOf(service)));
      }
    }
    for (const auto& port : Ports()) {
      const std::string& service = port.first;
      ASSERT_TRUE(Await(kBackTime, [&] { return !IsWell(service); })) << service;
      experiment.CountFault();
    }
    for (int& connection : idle) close(std::exchange(connection, -1));
    const absl::Time began = absl::Now();
    for (const auto& port : Ports()) {
      const std::string& service = port.first;
      SCOPED_TRACE(service);
      EXPECT_TRUE(Await(kBackTime, [&] {
        // As the supervisor does.
        if (stack().process(service).ExitCode().has_value()) stack().Restart(service);
        return IsWell(service);
      }));
      experiment.Measure(absl::Now() - began, kReplacedWithin);
    }
    ExpectGoodRequests(experiment, user);
  }
}

}  // namespace
}  // namespace playlog::faults
