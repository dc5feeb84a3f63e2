#include "services/gateway/rpc_exchange.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/after.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/rpc_answer.h"
#include "services/gateway/rpc_exchange_base.h"
#include "services/gateway/rpc_stream_exchange.h"

namespace playlog::gateway {
namespace {

// Asks one neighbour, or several at once. The answers of several, one after another in wire form,
// are their one merged answer; the first error is the error of all.
class UnaryExchange final : public RpcExchangeBase,
                            public std::enable_shared_from_this<UnaryExchange> {
 public:
  UnaryExchange(const RpcRequest& request, std::shared_ptr<HttpExchange> http,
                std::vector<NeighbourStub*> stubs)
      : RpcExchangeBase(request, std::move(http)),
        stubs_(std::move(stubs)),
        calls_(stubs_.size()),
        unanswered_(stubs_.size()) {}

  void Start() {
    http_->OnCancelled([self = weak_from_this()] {
      if (const auto exchange = self.lock()) exchange->Cancel();
    });
    for (std::size_t i = 0; i < stubs_.size(); ++i) Ask(i);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };

  // A context serves one call: gRPC ends the process when one is used again.
  Call& NewCall(std::size_t neighbour) {
    auto call = std::make_unique<Call>();
    call->context.set_deadline(rpc::ToGrpcDeadline(deadline_));
    Introduce(call->context);
    const absl::MutexLock lock(&mutex_);
    if (cancelled_) call->context.TryCancel();
    calls_[neighbour].push_back(std::move(call));
    return *calls_[neighbour].back();
  }

  void Ask(std::size_t neighbour) {
    Call& call = NewCall(neighbour);
    stubs_[neighbour]->CallUnary(
        &call.context, route_.grpc_method, &request_, &call.response,
        [self = shared_from_this(), neighbour](const grpc::Status& status) {
          self->OnAnswer(neighbour, rpc::FromGrpc(status));
        });
  }

  // A call that has ended takes no notice of it, and one that has not begun ends as it begins.
  void Cancel() {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    for (const auto& calls : calls_) {
      if (!calls.empty()) calls.back()->context.TryCancel();
    }
  }

  std::optional<absl::Duration> PauseBeforeNext(std::size_t neighbour, const absl::Status& status) {
    const absl::MutexLock lock(&mutex_);
    return PauseBeforeRepeat(status, cancelled_, static_cast<int>(calls_[neighbour].size()) - 1);
  }

  void OnAnswer(std::size_t neighbour, const absl::Status& status) {
    if (const auto pause = PauseBeforeNext(neighbour, status)) {
      return rpc::After(*pause, [self = shared_from_this(), neighbour] { self->Ask(neighbour); });
    }
    bool is_first_error = false;
    bool is_last = false;
    {
      const absl::MutexLock lock(&mutex_);
      is_first_error = !status.ok() && status_.ok();
      if (is_first_error) status_ = status;
      is_last = --unanswered_ == 0;
    }
    if (is_last) return Finish();
    if (is_first_error) Cancel();
  }

  // All have answered, so nobody else is at work on the calls.
  void Finish() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!status_.ok()) return SendError(status_);
    std::string wire;
    for (const auto& calls : calls_) wire += Flatten(calls.back()->response);
    std::string body;
    const absl::Status written =
        route_.IsRaw() ? AppendBody(route_, wire, body) : WriteJson(*route_.answer, wire, body);
    if (!written.ok()) return SendError(written);
    absl::StatusOr<HttpHeaders> cookies = SetCookiesOf(route_, wire, secure_cookies_);
    if (!cookies.ok()) return SendError(cookies.status());
    SendWhole(calls_.front().back()->context, std::move(body), *std::move(cookies));
  }

  const std::vector<NeighbourStub*> stubs_;
  absl::Mutex mutex_;
  // By neighbour: the calls that were repeated, since gRPC may still be busy with them, and the one
  // that counts.
  std::vector<std::vector<std::unique_ptr<Call>>> calls_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t unanswered_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void AnswerByRpc(const std::vector<NeighbourStub*>& stubs, const RpcRequest& request,
                 std::shared_ptr<HttpExchange> exchange) {
  if (request.route.streams) {
    AnswerByStream(*stubs.front(), request, std::move(exchange));
  } else {
    std::make_shared<UnaryExchange>(request, std::move(exchange), stubs)->Start();
  }
}

}  // namespace playlog::gateway
