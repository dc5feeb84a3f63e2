#ifndef PLAYLOG_COMMON_RPC_DISPATCHER_H_
#define PLAYLOG_COMMON_RPC_DISPATCHER_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/watchdog.h"
#include "common/rpc/after.h"
#include "common/rpc/call.h"
#include "common/rpc/client.h"
#include "common/rpc/limits.h"
#include "common/rpc/policy.h"
#include "common/rpc/status.h"
#include "common/rpc/stream_pauses.h"
#include "common/rpc/token_verifier.h"
#include "common/rpc/worker_pool.h"

namespace playlog::rpc {

struct DispatcherOptions {
  // Calls that are worked on at once, and calls that wait for it; beyond, calls are refused as
  // OVERLOADED.
  int workers = 8;
  int queue = 64;
};

// The one place between gRPC's callback API and our handlers. For every call it enforces, in this
// order: a place in the bounded queue, the caller's certificate and the access that the proto
// declares, the user's token, the deadline; it runs the handler on a worker, catches what it
// throws, counts and logs. It outlives the server whose services use it, so that every queued call
// is finished.
class Dispatcher {
 public:
  Dispatcher(const DispatcherOptions& options, TokenVerifier& verifier);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Answers a unary call with `handler`: absl::StatusOr<Response>(Call&, const Request&).
  template <class Request, class Response, class Handler>
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Request* request,
                                  Response* response, Handler handler);

  // Answers a server-streaming call with the parts of the stream that `handler` returns:
  // absl::StatusOr<std::unique_ptr<Stream<Part>>>(Call&, const Request&). The next part is made
  // when the reader has taken the last one and the stream's pause is over; a reader that stalls for
  // kStreamStallMax is cut.
  template <class Part, class Request, class Handler>
  grpc::ServerWriteReactor<Part>* Serve(grpc::CallbackServerContext* context,
                                        const Request* request, Handler handler);

  // The same for a method of gRPC's raw kind, whose parts are bytes already. `Request` is what the
  // bytes of the request are read as.
  template <class Request, class Handler>
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ServeBytes(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         Handler handler);

  // Has to be called before the server drains. Ends the streams that are in a pause, and from now
  // on every one that asks for one, with UNAVAILABLE, so that the drain does not wait for what may
  // take hours; and holds back the ends of the others for their readers' sake.
  void Leave() {
    leaving_ = true;
    pauses_.EndAll();
  }

 private:
  template <class Part>
  class StreamReactor;

  // A unary call has a deadline of ours; a stream goes on for as long as its reader takes parts.
  enum class Kind { kUnary, kStream };

  // One call's bookkeeping, made when it arrives and finished when it ends.
  struct Entry {
    const MethodPolicy& policy;
    Call call;
    absl::Time arrived_at;
  };

  Entry Arrive(Kind kind, const MethodPolicy& policy, const grpc::CallbackServerContext& context);
  // Checks who calls and fills in the user; on a worker, since a token may need a question to auth.
  absl::Status Admit(Entry& entry, const grpc::CallbackServerContext& context);
  // Runs a handler's step; what it throws becomes INTERNAL.
  static absl::Status Guard(absl::FunctionRef<absl::Status()> step);
  // Counts and logs the end of a call, and makes the status that leaves the process.
  grpc::Status Conclude(const Entry& entry, const absl::Status& status);
  static absl::Status Overloaded();
  static absl::Status Draining();

  TokenVerifier& verifier_;
  std::atomic<int> streams_ = 0;
  std::atomic<bool> leaving_ = false;
  StreamPauses pauses_;
  // Cuts the streams whose readers stall.
  Watchdog stalls_;
  // Last, so that its threads end before anything that they use.
  WorkerPool workers_;
};

template <class Request, class Response, class Handler>
grpc::ServerUnaryReactor* Dispatcher::Unary(grpc::CallbackServerContext* context,
                                            const Request* request, Response* response,
                                            Handler handler) {
  class Reactor final : public grpc::ServerUnaryReactor {
   public:
    explicit Reactor(Entry e) : entry(std::move(e)) {}
    // Only a flag: whoever works on the call still finishes it, exactly once.
    void OnCancel() override { cancelled = true; }
    void OnDone() override { delete this; }
    Entry entry;
    std::atomic<bool> cancelled{false};
  };
  auto* reactor = new Reactor(Arrive(Kind::kUnary, PolicyOf(Request::descriptor()), *context));
  reactor->entry.call.cancelled = [reactor] { return reactor->cancelled.load(); };
  const bool queued = workers_.TryPost(
      [this, reactor, context, request, response, handler = std::move(handler)]() mutable {
        Entry& entry = reactor->entry;
        absl::Status status = Admit(entry, *context);
        if (status.ok()) {
          status = Guard([&] {
            absl::StatusOr<Response> result = handler(entry.call, *request);
            if (!result.ok()) return result.status();
            *response = *std::move(result);
            return absl::OkStatus();
          });
        }
        if (entry.call.alternative_status)
          context->AddTrailingMetadata(kHttpStatusKey, kAlternativeStatus);
        reactor->Finish(Conclude(entry, status));
      });
  if (!queued) reactor->Finish(Conclude(reactor->entry, Overloaded()));
  return reactor;
}

template <class Part>
class Dispatcher::StreamReactor final : public grpc::ServerWriteReactor<Part> {
 public:
  StreamReactor(Dispatcher& dispatcher, grpc::CallbackServerContext* context, Entry entry)
      : dispatcher_(dispatcher),
        context_(*context),
        entry_(std::move(entry)),
        stall_(
            dispatcher.stalls_, [context] { context->TryCancel(); }, absl::InfiniteFuture()) {
    entry_.call.cancelled = [this] { return cancelled_.load(); };
  }

  Entry& entry() { return entry_; }

  // Makes and sends the next part, if there is one already; on a worker.
  void Advance() {
    bool is_there = false;
    part_.Clear();
    pause_ = absl::ZeroDuration();
    const absl::Status status = Guard([&] {
      if (cancelled_) return ReaderHasGone();
      absl::StatusOr<bool> next = stream_->Next(part_);
      if (!next.ok()) return next.status();
      is_there = *next;
      pause_ = stream_->PauseBeforeNext();
      TellRevision();
      return absl::OkStatus();
    });
    const bool has_ended = !is_there && pause_ <= absl::ZeroDuration();
    if (!status.ok() || has_ended) return End(status);
    if (!is_there) return GoOn();
    stall_.Move(absl::Now() + kStreamStallMax);
    ++parts_;
    if (!stream_->WasLast() || dispatcher_.leaving_) return this->StartWrite(&part_);
    this->StartWriteAndFinish(&part_, grpc::WriteOptions(), Conclude(status));
  }

  void Begin(std::unique_ptr<Stream<Part>> stream) {
    stream_ = std::move(stream);
    Advance();
  }

  // A server that leaves closes a connection when its last stream has ended. What a reader that is
  // still taking parts then says to the connection meets a closed socket, at which gRPC gives up
  // the connection and with it the parts that it has not taken yet.
  void End(const absl::Status& status) {
    const bool holds = dispatcher_.leaving_ && !cancelled_;
    After(holds ? std::min(parts_ * kPartTime, kPartsTimeMax) : absl::ZeroDuration(),
          [this, told = Conclude(status)] { this->Finish(told); });
  }

  void OnWriteDone(bool ok) override {
    stall_.Move(absl::InfiniteFuture());
    if (!ok) return End(ReaderHasGone());
    if (stream_->WasLast()) return End(absl::OkStatus());
    GoOn();
  }
  void OnCancel() override {
    cancelled_ = true;
    dispatcher_.pauses_.End(cancelled_);
  }
  void OnDone() override { delete this; }

 private:
  // Gives its place to another first: the reader may have the end, and ask again, before gRPC is
  // done with this one.
  grpc::Status Conclude(const absl::Status& status) {
    --dispatcher_.streams_;
    return dispatcher_.Conclude(entry_, status);
  }

  static absl::Status ReaderHasGone() { return absl::CancelledError("the reader has gone"); }

  // What is added to the initial metadata later than at the first part would be lost.
  void TellRevision() {
    if (std::exchange(is_begun_, true)) return;
    const std::optional<std::int64_t> revision = stream_->Revision();
    if (revision.has_value()) context_.AddInitialMetadata(kRevisionKey, absl::StrCat(*revision));
  }

  // Calls for the next part, once the pause that the stream asked for is over.
  void GoOn() {
    if (pause_ <= absl::ZeroDuration()) return Queue();
    const bool begun = dispatcher_.pauses_.Begin(cancelled_, pause_, [this](bool by_itself) {
      if (by_itself) return Queue();
      EndPaused();
    });
    // If it has begun, another thread may have ended the call already.
    if (!begun) EndPaused();
  }

  void Queue() {
    dispatcher_.workers_.PostContinuation([this] { Advance(); });
  }

  void EndPaused() { End(cancelled_ ? ReaderHasGone() : Draining()); }

  Dispatcher& dispatcher_;
  grpc::CallbackServerContext& context_;
  Entry entry_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<Stream<Part>> stream_;
  bool is_begun_ = false;
  std::int64_t parts_ = 0;  // That were written.
  Watchdog::Watch stall_;
  Part part_;
  absl::Duration pause_;
};

template <class Part, class Request, class Handler>
grpc::ServerWriteReactor<Part>* Dispatcher::Serve(grpc::CallbackServerContext* context,
                                                  const Request* request, Handler handler) {
  auto* reactor = new StreamReactor<Part>(
      *this, context, Arrive(Kind::kStream, PolicyOf(Request::descriptor()), *context));
  const bool place = ++streams_ <= kStreamsMax;
  const bool queued = place && workers_.TryPost([this, reactor, context, request,
                                                 handler = std::move(handler)]() mutable {
    std::unique_ptr<Stream<Part>> stream;
    absl::Status status = Admit(reactor->entry(), *context);
    if (status.ok()) {
      status = Guard([&] {
        auto result = handler(reactor->entry().call, *request);
        if (!result.ok()) return result.status();
        stream = *std::move(result);
        return absl::OkStatus();
      });
    }
    if (!status.ok()) return reactor->End(status);
    reactor->Begin(std::move(stream));
  });
  if (!queued) reactor->End(Overloaded());
  return reactor;
}

template <class Request, class Handler>
grpc::ServerWriteReactor<grpc::ByteBuffer>* Dispatcher::ServeBytes(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request, Handler handler) {
  grpc::ByteBuffer bytes(*request);
  auto read = std::make_shared<Request>();
  const grpc::Status status = grpc::SerializationTraits<Request>::Deserialize(&bytes, read.get());
  // The reactor keeps the handler, and with it the request.
  return Serve<grpc::ByteBuffer>(
      context, read.get(),
      [read, is_read = status.ok(), handler = std::move(handler)](
          Call& call, const Request& given) -> decltype(handler(call, given)) {
        if (!is_read) return absl::InvalidArgumentError("the request is malformed");
        return handler(call, given);
      });
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_DISPATCHER_H_
