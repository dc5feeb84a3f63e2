#include "services/gateway/rpc_stream_exchange.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/watchdog.h"
#include "common/rpc/after.h"
#include "common/rpc/client.h"
#include "common/rpc/status.h"
#include "services/gateway/part_writer.h"
#include "services/gateway/rpc_answer.h"
#include "services/gateway/rpc_exchange_base.h"

namespace playlog::gateway {
namespace {

// Ends the calls whose first part does not come in time.
Watchdog& FirstParts() {
  static auto& watchdog = *new Watchdog();
  return watchdog;
}

// Reads the parts of a stream and hands each on in the route's form; the next part is read when the
// client's socket has taken the last one, so memory does not grow with the history. The first part
// is held until it is known whether there is a second: most answers are one part, and go out whole
// with their length. Events are not held, since the next one may be long in coming.
class StreamExchange final : public RpcExchangeBase,
                             public grpc::ClientReadReactor<grpc::ByteBuffer> {
 public:
  using OnRevision = std::function<void(std::int64_t)>;

  // `repeats` is how often the call was made before.
  StreamExchange(const RpcExchangeBase& base, NeighbourStub& stub, OnRevision on_revision,
                 int repeats)
      : RpcExchangeBase(base),
        stub_(stub),
        on_revision_(std::move(on_revision)),
        repeats_(repeats),
        writer_(PartWriter::For(route_)),
        life_(std::make_shared<Life>()),
        // A stream has no deadline as a whole; its first part has.
        first_part_(
            FirstParts(), [life = life_] { life->CancelUnlessAnswering(); }, deadline_) {
    Introduce(context_);
    life_->context = &context_;
  }

  void Start() {
    http_->OnCancelled([life = life_] { life->Cancel(); });
    stub_.PrepareServerStreaming(&context_, route_.grpc_method, &request_, this);
    AddHold();  // Reads are also started outside reactions, when the socket has taken a part.
    StartRead(&part_);
    StartCall();
  }

  void OnReadInitialMetadataDone(bool ok) override {
    if (ok && on_revision_) revision_ = RevisionIn(context_.GetServerInitialMetadata());
    Arrive();
  }

  void OnReadDone(bool ok) override {
    if (is_first_read_done_) return OnPart(ok);
    is_first_read_done_ = true;
    is_first_part_there_ = ok;
    Arrive();
  }

  void OnDone(const grpc::Status& status) override {
    const absl::Status ended = broken_.ok() ? rpc::FromGrpc(status) : broken_;
    life_->Forget();
    if (const auto pause = PauseBeforeNext(ended)) {
      auto* const next = new StreamExchange(*this, stub_, on_revision_, repeats_ + 1);
      rpc::After(*pause, [next] { next->Start(); });
    } else {
      Complete(ended);
    }
    delete this;
  }

 private:
  // The metadata and the first part may be told of in any order, and at the same time.
  void Arrive() {
    if (++arrived_ < 2) return;
    if (revision_.has_value()) on_revision_(*revision_);
    OnPart(is_first_part_there_);
  }

  static std::optional<std::int64_t> RevisionIn(
      const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
    std::int64_t revision = 0;
    const auto found = metadata.find(rpc::kRevisionKey);
    if (found == metadata.end()) return std::nullopt;
    const absl::string_view text(found->second.data(), found->second.size());
    return absl::SimpleAtoi(text, &revision) ? std::optional(revision) : std::nullopt;
  }

  void OnPart(bool ok) {
    if (!life_->answering.exchange(true)) first_part_.Move(absl::InfiniteFuture());
    if (!ok) return EndReads();
    const bool holds = !route_.is_event_stream;
    const bool is_first = !is_one_read_;
    is_one_read_ = true;
    std::string ready = std::exchange(pending_, std::string());
    broken_ = writer_->Append(Flatten(part_), pending_);
    if (!broken_.ok()) return GiveUp();
    if (holds && is_first) return StartRead(&part_);
    if (!holds) ready = std::exchange(pending_, std::string());
    if (!begun_) {
      begun_ = true;
      http_->Begin(route_.status, HeadersOf(route_));
    }
    if (is_head_) {
      // Said at once: an exchange that is dropped without an end is a broken one.
      http_->End();
      return GiveUp();
    }
    http_->Write(std::move(ready), [this](bool taken) {
      if (!taken) return GiveUp();
      PLAYLOG_CRASH_POINT("answer_begun");
      StartRead(&part_);
    });
  }

  // What callbacks that may come late hold of this call.
  struct Life {
    void Cancel() {
      const absl::MutexLock lock(&mutex);
      given_up = true;
      if (context != nullptr) context->TryCancel();
    }
    void CancelUnlessAnswering() {
      if (!answering) Cancel();
    }
    void Forget() {
      const absl::MutexLock lock(&mutex);
      context = nullptr;
    }
    std::atomic<bool> answering = false;
    std::atomic<bool> given_up = false;
    absl::Mutex mutex;
    grpc::ClientContext* context ABSL_GUARDED_BY(mutex) = nullptr;
  };

  std::optional<absl::Duration> PauseBeforeNext(const absl::Status& status) const {
    if (is_one_read_) return std::nullopt;
    return PauseBeforeRepeat(status, life_->given_up, repeats_);
  }

  void EndReads() { RemoveHold(); }

  void GiveUp() {
    context_.TryCancel();
    EndReads();
  }

  void Complete(const absl::Status& status) {
    if (begun_ && is_head_) return;
    if (!status.ok()) {
      if (!begun_) return SendError(Describe(status));
      Log(Severity::kWarning, "stream_broken",
          {{"method", route_.grpc_method},
           {"error", status.ToString()},
           {"request_id", request_id_}});
      return http_->Abort();
    }
    if (const absl::Status finished = writer_->Finish(pending_); !finished.ok()) {
      return begun_ ? http_->Abort() : SendError(finished);
    }
    if (!begun_) return SendWhole(context_, std::move(pending_));
    http_->Write(std::move(pending_), [http = http_](bool taken) {
      if (taken) http->End();
    });
  }

  // Our own cancellation because the first part did not come in time is a missed deadline.
  absl::Status Describe(const absl::Status& status) const {
    if (!absl::IsCancelled(status)) return status;
    return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "Deadline exceeded", "Try again.");
  }

  NeighbourStub& stub_;
  const OnRevision on_revision_;
  const int repeats_;
  grpc::ClientContext context_;
  const std::unique_ptr<PartWriter> writer_;
  const std::shared_ptr<Life> life_;
  Watchdog::Watch first_part_;
  std::optional<std::int64_t> revision_;
  std::atomic<int> arrived_ = 0;  // Of the metadata and the first part.
  bool is_first_read_done_ = false;
  bool is_first_part_there_ = false;
  grpc::ByteBuffer part_;
  std::string pending_;
  bool is_one_read_ = false;
  bool begun_ = false;
  absl::Status broken_;
};

}  // namespace

void AnswerByStream(NeighbourStub& stub, const RpcRequest& request,
                    std::shared_ptr<HttpExchange> exchange) {
  // Deletes itself when the call is done.
  (new StreamExchange(RpcExchangeBase(request, std::move(exchange)), stub, request.on_revision, 0))
      ->Start();
}

}  // namespace playlog::gateway
