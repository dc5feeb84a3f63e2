// The dispatcher behind a real server with mutual TLS on a Unix socket, called by real clients.
#include "common/rpc/dispatcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "absl/synchronization/notification.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/server.h"
#include "common/testing/certificates.h"
#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::rpc {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;
using songs::v1::EraseSongsRequest;
using songs::v1::EraseSongsResponse;
using songs::v1::GetStoredSongsRequest;
using songs::v1::GetStoredSongsResponse;

// Takes the token "user-N" as user N's.
class FakeVerifier final : public TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view token) override {
    if (!token.starts_with("user-")) return jwt::InvalidTokenError();
    jwt::Claims claims;
    claims.user_id = std::stoll(std::string(token.substr(5)));
    return claims;
  }
};

class Countdown final : public Stream<GetStoredSongsResponse> {
 public:
  explicit Countdown(int parts) : left_(parts) {}
  absl::StatusOr<bool> Next(GetStoredSongsResponse& part) override {
    if (left_ == 0) return false;
    part.add_results()->set_id(left_--);
    return true;
  }

 private:
  int left_;
};

// Has one part, and knows that there is no other.
class OnePart final : public Stream<GetStoredSongsResponse> {
 public:
  absl::StatusOr<bool> Next(GetStoredSongsResponse& part) override {
    EXPECT_EQ(++asked_, 1);
    part.add_results()->set_id(1);
    return true;
  }
  bool WasLast() const override { return true; }

 private:
  int asked_ = 0;
};

// Does what its steps say, each the result of one Next and the pause after it.
class Steps final : public Stream<GetStoredSongsResponse> {
 public:
  struct Step {
    bool is_there;
    absl::Duration pause;
  };
  Steps(std::vector<Step> steps, std::function<void()> destroyed)
      : steps_(std::move(steps)), destroyed_(std::move(destroyed)) {}
  ~Steps() override { destroyed_(); }

  absl::StatusOr<bool> Next(GetStoredSongsResponse&) override {
    const bool is_over = next_ == steps_.size();
    pause_ = is_over ? absl::ZeroDuration() : steps_[next_].pause;
    return !is_over && steps_[next_++].is_there;
  }
  absl::Duration PauseBeforeNext() const override { return pause_; }

 private:
  const std::vector<Step> steps_;
  const std::function<void()> destroyed_;
  std::size_t next_ = 0;
  absl::Duration pause_;
};

class FakeService final : public songs::v1::SongStoreService::CallbackService {
 public:
  using Erase = std::function<absl::StatusOr<EraseSongsResponse>(Call&, const EraseSongsRequest&)>;

  explicit FakeService(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* EraseSongs(grpc::CallbackServerContext* context,
                                       const EraseSongsRequest* request,
                                       EraseSongsResponse* response) override {
    return dispatcher_.Unary(
        context, request, response,
        [this](Call& call, const EraseSongsRequest& r) { return erase(call, r); });
  }
  grpc::ServerWriteReactor<GetStoredSongsResponse>* GetStoredSongs(
      grpc::CallbackServerContext* context, const GetStoredSongsRequest* request) override {
    return dispatcher_.Serve<GetStoredSongsResponse>(
        context, request,
        [this](Call& call, const GetStoredSongsRequest& r)
            -> absl::StatusOr<std::unique_ptr<Stream<GetStoredSongsResponse>>> {
          last_user = call.user_id;
          if (knows_its_end) return std::make_unique<OnePart>();
          if (steps.empty()) return std::make_unique<Countdown>(r.limit());
          ++open_streams;
          return std::make_unique<Steps>(steps, [this] { --open_streams; });
        });
  }

  Erase erase = [](Call&, const EraseSongsRequest&) { return EraseSongsResponse(); };
  std::atomic<std::int64_t> last_user = 0;
  bool knows_its_end = false;
  std::vector<Steps::Step> steps;  // Of every stream, if there are any.
  std::atomic<int> open_streams = 0;

 private:
  Dispatcher& dispatcher_;
};

class DispatcherTest : public ::testing::Test {
 protected:
  // As every process of ours does: a thread of gRPC that ends behind OpenSSL would leave its record
  // of errors behind, which counts as a leak.
  static void SetUpTestSuite() { KeepOpenSslToTheEnd(); }

  DispatcherTest() {
    auto server = Server::Start(
        {address_, authority_.Issue(directory_.path(), "song_store"), false}, {&service_});
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  std::unique_ptr<songs::v1::SongStoreService::Stub> StubAs(const std::string& service) {
    return songs::v1::SongStoreService::NewStub(
        Connect("song_store", address_, authority_.Issue(directory_.path(), service)));
  }

  absl::StatusOr<EraseSongsResponse> EraseAs(const std::string& service, Call call = {}) {
    const auto stub = StubAs(service);
    return Invoke(*stub, &songs::v1::SongStoreService::Stub::EraseSongs, call, EraseSongsRequest(),
                  absl::Seconds(10));
  }

  // Reads a whole stream with a token; returns the number of parts.
  absl::StatusOr<int> ReadAs(const std::string& authorization, int parts) {
    const auto stub = StubAs("gateway");
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
    AddMetadata(context, kAuthorizationKey, authorization);
    GetStoredSongsRequest request;
    request.set_limit(parts);
    const auto reader = stub->GetStoredSongs(&context, request);
    int count = 0;
    for (GetStoredSongsResponse part; reader->Read(&part); ++count) {
    }
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return count;
  }

  // A reader of one stream.
  struct Reading {
    explicit Reading(songs::v1::SongStoreService::Stub& stub) {
      context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
      AddMetadata(context, kAuthorizationKey, "Bearer user-7");
      reader = stub.GetStoredSongs(&context, GetStoredSongsRequest());
    }
    bool Read() {
      GetStoredSongsResponse part;
      return reader->Read(&part);
    }
    absl::Status Finish() { return FromGrpc(reader->Finish()); }

    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<GetStoredSongsResponse>> reader;
  };

  static void Await(const std::function<bool()>& condition) {
    const absl::Time patience = absl::Now() + absl::Seconds(60);
    while (!condition() && absl::Now() < patience) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_TRUE(condition());
  }
  void AwaitNoOpenStreams() {
    Await([this] { return service_.open_streams == 0; });
  }

  playlog::testing::TemporaryDirectory directory_;
  playlog::testing::TestAuthority authority_;
  const std::string address_ = "unix:" + directory_.path() + "/socket";
  FakeVerifier verifier_;
  Dispatcher dispatcher_{{.workers = 2, .queue = 2}, verifier_};
  FakeService service_{dispatcher_};
  std::unique_ptr<Server> server_;
};

TEST_F(DispatcherTest, ServesTheServiceThatTheProtoNames) { EXPECT_THAT(EraseAs("auth"), IsOk()); }

TEST_F(DispatcherTest, RefusesAServiceThatTheProtoDoesNotName) {
  EXPECT_THAT(EraseAs("gateway"), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
}

TEST_F(DispatcherTest, RefusesACertificateOfAnotherAuthority) {
  const playlog::testing::TestAuthority stranger;
  const auto stub = songs::v1::SongStoreService::NewStub(
      Connect("song_store", address_, stranger.Issue(directory_.path() + "/stranger", "auth")));
  const auto result = Invoke(*stub, &songs::v1::SongStoreService::Stub::EraseSongs, Call{},
                             EraseSongsRequest(), absl::Seconds(1));
  EXPECT_THAT(result, ::testing::Not(IsOk()));
}

TEST_F(DispatcherTest, CarriesAnErrorWithItsDetail) {
  service_.erase = [](Call&, const EraseSongsRequest&) -> absl::StatusOr<EraseSongsResponse> {
    return RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, "Slow down", "Wait.",
                          absl::Seconds(7));
  };
  const auto result = EraseAs("auth");
  EXPECT_THAT(result, ErrorIs(errors::v1::ERROR_CODE_RATE_LIMITED));
  EXPECT_EQ(result.status().message(), "Slow down");
  EXPECT_EQ(DetailOf(result.status()), "Wait.");
  EXPECT_EQ(RetryAfterOf(result.status()), absl::Seconds(7));
}

TEST_F(DispatcherTest, HidesWhatAHandlerThrows) {
  service_.erase = [](Call&, const EraseSongsRequest&) -> absl::StatusOr<EraseSongsResponse> {
    throw std::runtime_error("password=hunter2");
  };
  const auto result = EraseAs("auth");
  EXPECT_THAT(result, ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  EXPECT_EQ(result.status().message(), "Internal error");
}

TEST_F(DispatcherTest, PassesTheRequestIdAndTheDeadlineOn) {
  Call seen;
  service_.erase = [&](Call& call, const EraseSongsRequest&) {
    seen = call;
    return EraseSongsResponse();
  };
  Call call;
  call.request_id = "request-1";
  call.deadline = absl::Now() + absl::Seconds(3);
  ASSERT_THAT(EraseAs("auth", call), IsOk());
  EXPECT_EQ(seen.request_id, "request-1");
  EXPECT_EQ(seen.peer_service, "auth");
  EXPECT_LE(seen.deadline, call.deadline);
}

TEST_F(DispatcherTest, LeavesOutARequestIdThatWouldEndTheProcess) {
  Call call;
  call.request_id = "bad\nid";
  EXPECT_THAT(EraseAs("auth", call), IsOk());
}

TEST_F(DispatcherTest, RefusesCallsBeyondItsQueue) {
  absl::Notification release;
  service_.erase = [&](Call&, const EraseSongsRequest&) {
    release.WaitForNotification();
    return EraseSongsResponse();
  };
  std::atomic<int> served = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const auto result = EraseAs("auth");
      if (result.ok()) ++served;
      if (CodeOf(result.status()) == errors::v1::ERROR_CODE_OVERLOADED) {
        // Two run and two wait: when the fifth was refused, the rest may go on.
        if (++refused == 4) release.Notify();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(served, 4);
  EXPECT_EQ(refused, 4);
}

TEST_F(DispatcherTest, TellsAHandlerThatItsCallerHasGone) {
  absl::Notification left;
  service_.erase = [&](Call& call, const EraseSongsRequest&) {
    while (!call.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    left.Notify();
    return EraseSongsResponse();
  };
  Call call;
  call.deadline = absl::Now() + absl::Milliseconds(300);
  EXPECT_THAT(EraseAs("auth", call), ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
  left.WaitForNotification();
}

TEST_F(DispatcherTest, StreamsEveryPartToTheUserOfTheToken) {
  EXPECT_THAT(ReadAs("Bearer user-7", 100), playlog::testing::IsOkAndHolds(100));
  EXPECT_EQ(service_.last_user, 7);
  EXPECT_THAT(ReadAs("bearer user-8", 0), playlog::testing::IsOkAndHolds(0));
}

TEST_F(DispatcherTest, RefusesAUserCallWithoutAGoodToken) {
  EXPECT_THAT(ReadAs("", 1), ErrorIs(errors::v1::ERROR_CODE_AUTHENTICATION_REQUIRED));
  EXPECT_THAT(ReadAs("Bearer forged", 1), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(ReadAs("Basic user-7", 1), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(DispatcherTest, StreamsThatPauseHoldNoWorker) {
  service_.steps = {{true, absl::Hours(1)}};
  const auto stub = StubAs("gateway");
  std::vector<std::unique_ptr<Reading>> readings;
  for (int i = 0; i < 8; ++i) {
    readings.push_back(std::make_unique<Reading>(*stub));
    EXPECT_TRUE(readings.back()->Read());
  }
  EXPECT_EQ(service_.open_streams, 8);
  EXPECT_THAT(EraseAs("auth"), IsOk());
  for (const auto& reading : readings) reading->context.TryCancel();
  for (const auto& reading : readings) EXPECT_TRUE(absl::IsCancelled(reading->Finish()));
  AwaitNoOpenStreams();
}

TEST_F(DispatcherTest, CallsForTheNextPartAfterAPause) {
  const absl::Duration pause = absl::Milliseconds(2);
  service_.steps = {
      {false, pause}, {true, pause}, {false, pause}, {false, pause}, {true, absl::ZeroDuration()}};
  const absl::Time begun = absl::Now();
  EXPECT_THAT(ReadAs("Bearer user-7", 0), playlog::testing::IsOkAndHolds(2));
  EXPECT_GE(absl::Now() - begun, 4 * pause);
}

TEST_F(DispatcherTest, AReaderThatLeavesEndsAPauseBeforeTheFirstPart) {
  service_.steps = {{false, absl::Hours(1)}};
  const auto stub = StubAs("gateway");
  Reading reading(*stub);
  Await([this] { return service_.open_streams == 1; });
  reading.context.TryCancel();
  EXPECT_TRUE(absl::IsCancelled(reading.Finish()));
  AwaitNoOpenStreams();
}

TEST_F(DispatcherTest, ADrainDoesNotWaitForAPausedStream) {
  service_.steps = {{true, absl::Hours(1)}};
  const auto stub = StubAs("gateway");
  Reading reading(*stub);
  ASSERT_TRUE(reading.Read());
  dispatcher_.Leave();
  // One that asks for a pause only now ends as well.
  Reading late(*stub);
  late.Read();
  EXPECT_THAT(late.Finish(), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  server_->Drain(absl::Hours(1));
  EXPECT_FALSE(reading.Read());
  const absl::Status status = reading.Finish();
  EXPECT_THAT(status, ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(1));
  server_.reset();
}

TEST_F(DispatcherTest, DrainFinishesCallsInFlightAndRefusesNewOnes) {
  absl::Notification started;
  absl::Notification release;
  service_.erase = [&](Call&, const EraseSongsRequest&) {
    started.Notify();
    release.WaitForNotification();
    return EraseSongsResponse();
  };
  absl::StatusOr<EraseSongsResponse> in_flight = absl::UnknownError("not answered");
  std::thread caller([&] { in_flight = EraseAs("auth"); });
  started.WaitForNotification();
  std::thread drain([&] { server_->Drain(absl::Seconds(10)); });
  release.Notify();
  caller.join();
  drain.join();
  server_.reset();
  EXPECT_THAT(in_flight, IsOk());
}

TEST_F(DispatcherTest, AnswersHealthChecks) {
  EXPECT_THAT(
      CheckHealth("song_store", address_, directory_.path() + "/song_store", absl::Seconds(5)),
      IsOk());
}

TEST_F(DispatcherTest, TellsTheHealthOfOneServiceBesideThatOfTheWholeServer) {
  const auto channel =
      Connect("song_store", address_, authority_.Issue(directory_.path(), "gateway"));
  const absl::Duration patience = absl::Seconds(10);
  EXPECT_TRUE(absl::IsNotFound(IsServing(channel, "a.b.Service", patience).status()));
  server_->SetServing("a.b.Service", false);
  EXPECT_THAT(IsServing(channel, "a.b.Service", patience), playlog::testing::IsOkAndHolds(false));
  EXPECT_THAT(CheckHealth(channel, patience), IsOk());
  server_->SetServing("a.b.Service", true);
  EXPECT_THAT(IsServing(channel, "a.b.Service", patience), playlog::testing::IsOkAndHolds(true));
}

TEST_F(DispatcherTest, SendsAPartThatIsKnownToBeTheLastWithTheEndOfTheStream) {
  service_.knows_its_end = true;
  EXPECT_THAT(ReadAs("Bearer user-1", 1), playlog::testing::IsOkAndHolds(1));
  EXPECT_THAT(ReadAs("Bearer user-1", 1), playlog::testing::IsOkAndHolds(1));
}

// Who asks again as soon as an answer is whole is there before gRPC has put the last call away.
TEST_F(DispatcherTest, CountsAStreamUntilItsEndAndNoLonger) {
  Dispatcher dispatcher({.workers = 2, .queue = kStreamsMax}, verifier_);
  FakeService service(dispatcher);
  service.knows_its_end = true;
  const std::string address = address_ + "_2";
  auto server = Server::Start({address, authority_.Issue(directory_.path(), "song_store"), false},
                              {&service});
  ASSERT_THAT(server, IsOk());
  const auto stub = songs::v1::SongStoreService::NewStub(
      Connect("song_store", address, authority_.Issue(directory_.path(), "gateway")));
  std::vector<std::thread> readers;
  for (int i = 0; i < kStreamsMax; ++i) {
    readers.emplace_back([&stub] {
      for (int round = 0; round < 40; ++round) {
        Reading reading(*stub);
        while (reading.Read()) {
        }
        EXPECT_THAT(reading.Finish(), IsOk());
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
}

TEST_F(DispatcherTest, HoldsBackTheEndOfAStreamWhenItLeaves) {
  service_.knows_its_end = true;
  dispatcher_.Leave();
  const absl::Time began = absl::Now();
  EXPECT_THAT(ReadAs("Bearer user-1", 1), playlog::testing::IsOkAndHolds(1));
  EXPECT_GE(absl::Now() - began, kPartTime);
}

}  // namespace
}  // namespace playlog::rpc
