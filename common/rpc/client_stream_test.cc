// Reading a neighbour's stream, from a real server with mutual TLS on a Unix socket.
#include "common/rpc/client_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/server.h"
#include "common/testing/certificates.h"
#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::rpc {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;
using playlog::testing::IsOkAndHolds;
using playlog::testing::StatusIs;
using songs::v1::ExportSongsRequest;
using songs::v1::ExportSongsResponse;

class NoTokens final : public TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override { return jwt::InvalidTokenError(); }
};

// Makes each part as a test says.
using MakePart = std::function<absl::StatusOr<bool>(int index, ExportSongsResponse& part)>;

class ScriptedStream final : public Stream<ExportSongsResponse> {
 public:
  explicit ScriptedStream(MakePart make) : make_(std::move(make)) {}
  absl::StatusOr<bool> Next(ExportSongsResponse& part) override { return make_(index_++, part); }

 private:
  const MakePart make_;
  int index_ = 0;
};

class FakeService final : public songs::v1::SongStoreService::CallbackService {
 public:
  explicit FakeService(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  grpc::ServerWriteReactor<ExportSongsResponse>* ExportSongs(
      grpc::CallbackServerContext* context, const ExportSongsRequest* request) override {
    return dispatcher_.Serve<ExportSongsResponse>(
        context, request,
        [this](Call& call, const ExportSongsRequest&)
            -> absl::StatusOr<std::unique_ptr<Stream<ExportSongsResponse>>> {
          request_id = call.request_id;
          return std::make_unique<ScriptedStream>(make);
        });
  }

  MakePart make;
  std::string request_id;

 private:
  Dispatcher& dispatcher_;
};

class ClientStreamTest : public ::testing::Test {
 protected:
  // As every process of ours does: a thread of gRPC that ends behind OpenSSL would leave its record
  // of errors behind, which counts as a leak.
  static void SetUpTestSuite() { KeepOpenSslToTheEnd(); }

  ClientStreamTest() { StartServer(); }

  // In the place of one that has left, with a stub that knows no other.
  void StartServer() {
    auto server = Server::Start(
        {address_, authority_.Issue(directory_.path(), "song_store"), false}, {&service_});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    stub_ = NewStub();
  }

  std::unique_ptr<songs::v1::SongStoreService::Stub> NewStub() {
    return songs::v1::SongStoreService::NewStub(
        Connect("song_store", address_, authority_.Issue(directory_.path(), "auth")));
  }

  std::unique_ptr<Stream<ExportSongsResponse>> Open(const Call& call = {},
                                                    absl::Duration time = absl::Seconds(20)) {
    return OpenStream(*stub_, &songs::v1::SongStoreService::Stub::ExportSongs, call,
                      ExportSongsRequest(), time);
  }

  // On a connection of its own; tells when it has read the first part.
  void ReadAll(int parts, std::latch& begun) {
    const auto stub = NewStub();
    const auto stream = OpenStream(*stub, &songs::v1::SongStoreService::Stub::ExportSongs, Call(),
                                   ExportSongsRequest(), absl::Seconds(20));
    ExportSongsResponse part;
    absl::StatusOr<bool> more = stream->Next(part);
    begun.count_down();
    int read = 0;
    for (; more.ok() && *more; more = stream->Next(part)) ++read;
    EXPECT_THAT(more, IsOkAndHolds(false));
    EXPECT_EQ(read, parts);
  }

  playlog::testing::TemporaryDirectory directory_;
  playlog::testing::TestAuthority authority_;
  const std::string address_ = "unix:" + directory_.path() + "/socket";
  NoTokens verifier_;
  Dispatcher dispatcher_{{.workers = 2, .queue = 8}, verifier_};
  FakeService service_{dispatcher_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<songs::v1::SongStoreService::Stub> stub_;
};

TEST_F(ClientStreamTest, ReadsEveryPartInOrder) {
  service_.make = [](int index, ExportSongsResponse& part) {
    part.set_table(std::to_string(index));
    part.set_rows(std::string(64 * 1024, 'x'));
    return index < 100;
  };
  Call call;
  call.request_id = "request-1";
  const auto stream = Open(call);
  ExportSongsResponse part;
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(stream->Next(part), IsOkAndHolds(true));
    EXPECT_EQ(part.table(), std::to_string(i));
  }
  EXPECT_THAT(stream->Next(part), IsOkAndHolds(false));
  EXPECT_THAT(stream->Next(part), IsOkAndHolds(false));
  EXPECT_EQ(service_.request_id, "request-1");
}

TEST_F(ClientStreamTest, TellsTheNeighboursErrorAfterItsLastPart) {
  service_.make = [](int index, ExportSongsResponse&) -> absl::StatusOr<bool> {
    if (index == 2) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "gone");
    return true;
  };
  const auto stream = Open();
  ExportSongsResponse part;
  EXPECT_THAT(stream->Next(part), IsOkAndHolds(true));
  EXPECT_THAT(stream->Next(part), IsOkAndHolds(true));
  EXPECT_THAT(stream->Next(part), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_F(ClientStreamTest, GivesUpAPartThatDoesNotComeInTime) {
  // The server may come to the second part when this test has returned already.
  const auto release = std::make_shared<absl::Notification>();
  service_.make = [release](int index, ExportSongsResponse&) {
    if (index == 1) release->WaitForNotification();
    return true;
  };
  ExportSongsResponse part;
  // The first call connects, which takes its time on a busy machine.
  ASSERT_THAT(Open({}, absl::Seconds(20))->Next(part), IsOkAndHolds(true));
  const auto stream = Open({}, absl::Seconds(2));
  EXPECT_THAT(stream->Next(part), IsOkAndHolds(true));
  EXPECT_THAT(stream->Next(part), ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  release->Notify();
}

TEST_F(ClientStreamTest, KeepsToTheCallersDeadline) {
  service_.make = [](int, ExportSongsResponse&) { return true; };
  Call call;
  call.deadline = absl::Now() - absl::Seconds(1);
  ExportSongsResponse part;
  EXPECT_THAT(Open(call)->Next(part), ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
}

TEST_F(ClientStreamTest, EndsWhenTheCallerHasGone) {
  service_.make = [](int, ExportSongsResponse&) { return true; };
  std::atomic<bool> gone = false;
  Call call;
  call.cancelled = [&] { return gone.load(); };
  const auto stream = Open(call);
  ExportSongsResponse part;
  ASSERT_THAT(stream->Next(part), IsOkAndHolds(true));
  gone = true;
  absl::StatusOr<bool> more = true;
  // Parts that are there already may still come.
  for (int i = 0; i < 100'000 && more.ok() && *more; ++i) more = stream->Next(part);
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ClientStreamTest, HoldsTheNeighbourBackUntilItReads) {
  const auto made = std::make_shared<std::atomic<int>>(0);
  service_.make = [made](int, ExportSongsResponse& part) {
    ++*made;
    part.set_rows(std::string(1 << 20, 'x'));
    return true;
  };
  const auto stream = Open();
  ExportSongsResponse part;
  for (int i = 0; i < 20; ++i) ASSERT_THAT(stream->Next(part), IsOkAndHolds(true));
  EXPECT_LT(*made, 20 + 32);
}

TEST_F(ClientStreamTest, IsUnavailableWithoutTheNeighbour) {
  server_ = nullptr;
  ExportSongsResponse part;
  EXPECT_THAT(Open()->Next(part), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

TEST_F(ClientStreamTest, BreaksWhenTheNeighbourDies) {
  service_.make = [](int, ExportSongsResponse& part) {
    part.set_rows(std::string(1 << 20, 'x'));
    return true;
  };
  const auto stream = Open();
  ExportSongsResponse part;
  ASSERT_THAT(stream->Next(part), IsOkAndHolds(true));
  server_->Drain(absl::ZeroDuration());
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = stream->Next(part);
  EXPECT_FALSE(more.ok());
}

// What a reader says while it takes parts must not meet a closed socket: that ended one stream in a
// hundred before the server held back the end of what it had begun.
TEST_F(ClientStreamTest, ReadsToTheEndWhatALeavingServerHasBegun) {
  constexpr int kRounds = 20;
  constexpr int kReaders = 8;
  constexpr int kParts = 12;
  service_.make = [](int index, ExportSongsResponse& part) {
    part.set_rows(std::string(64 * 1024, 'x'));
    return index < kParts;
  };
  dispatcher_.Leave();
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) StartServer();
    std::latch begun(kReaders);
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([this, &begun] { ReadAll(kParts, begun); });
    }
    begun.wait();
    server_->Drain(absl::Seconds(10));
    for (std::thread& reader : readers) reader.join();
    server_.reset();
  }
}

TEST_F(ClientStreamTest, LeavesMidwayWithoutWaiting) {
  service_.make = [](int, ExportSongsResponse& part) {
    part.set_rows(std::string(1 << 20, 'x'));
    return true;
  };
  for (int i = 0; i < 10; ++i) {
    const auto stream = Open();
    ExportSongsResponse part;
    ASSERT_THAT(stream->Next(part), IsOkAndHolds(true));
  }
  // A stream that nobody has read at all.
  const auto unread = Open();
}

}  // namespace
}  // namespace playlog::rpc
