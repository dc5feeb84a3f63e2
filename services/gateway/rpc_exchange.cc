#include "services/gateway/rpc_exchange.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "absl/synchronization/mutex.h"
#include "common/rpc/deadline.h"
#include "common/rpc/not_served.h"
#include "common/rpc/status.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/rpc_answer.h"
#include "services/gateway/rpc_exchange_base.h"
#include "services/gateway/rpc_stream_exchange.h"

namespace playlog::gateway {
namespace {

// Asks one neighbour, or several at once. The answers of several, one after another in wire form,
// are their one merged answer; the first error is the error of all. What may be repeated is asked
// once more of a neighbour that has not served it: it may have been leaving, for another to come.
class UnaryExchange final : public RpcExchangeBase,
                            public std::enable_shared_from_this<UnaryExchange> {
 public:
  UnaryExchange(const RpcRequest& request, std::shared_ptr<HttpExchange> http, std::size_t calls)
      : RpcExchangeBase(request, std::move(http)), unanswered_(calls) {
    const bool repeats = route_.only_reads || route_.is_idempotent;
    for (std::size_t i = 0; i < calls; ++i) {
      calls_.push_back(NewCall(request));
      spares_.push_back(repeats ? NewCall(request) : nullptr);
    }
  }

  void Start(const std::vector<grpc::GenericStub*>& stubs) {
    http_->OnCancelled([self = weak_from_this()] {
      if (const auto exchange = self.lock()) exchange->Cancel();
    });
    stubs_ = stubs;
    for (std::size_t i = 0; i < stubs_.size(); ++i) Ask(i, *calls_[i]);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };

  std::unique_ptr<Call> NewCall(const RpcRequest& request) {
    auto call = std::make_unique<Call>();
    call->context.set_deadline(rpc::ToGrpcDeadline(deadline_));
    Introduce(request, call->context);
    return call;
  }

  void Ask(std::size_t neighbour, Call& call) {
    stubs_[neighbour]->UnaryCall(
        &call.context, route_.grpc_method, grpc::StubOptions(), &request_, &call.response,
        [self = shared_from_this(), neighbour](const grpc::Status& status) {
          self->OnAnswer(neighbour, rpc::FromGrpc(status));
        });
  }

  // A call that has ended takes no notice of it, and one that has not begun ends as it begins.
  void Cancel() {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    for (const auto& call : calls_) call->context.TryCancel();
  }

  // The call to make in place of one that ended so; null if there is none.
  Call* RepeatOf(std::size_t neighbour, const absl::Status& status) {
    const absl::MutexLock lock(&mutex_);
    if (!rpc::WasNotServed(status, cancelled_) || cancelled_) return nullptr;
    if (spares_[neighbour] == nullptr) return nullptr;
    spent_.push_back(std::exchange(calls_[neighbour], std::move(spares_[neighbour])));
    return calls_[neighbour].get();
  }

  void OnAnswer(std::size_t neighbour, const absl::Status& status) {
    if (Call* const repeat = RepeatOf(neighbour, status)) return Ask(neighbour, *repeat);
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

  void Finish() {
    const absl::Status status = [this] {
      const absl::MutexLock lock(&mutex_);
      return status_;
    }();
    if (!status.ok()) return SendError(status);
    std::string wire;
    for (const auto& call : calls_) wire += Flatten(call->response);
    std::string body;
    const absl::Status written =
        route_.IsRaw() ? AppendBody(route_, wire, body) : WriteJson(*route_.answer, wire, body);
    if (!written.ok()) return SendError(written);
    absl::StatusOr<HttpHeaders> cookies = SetCookiesOf(route_, wire, secure_cookies_);
    if (!cookies.ok()) return SendError(cookies.status());
    SendWhole(calls_.front()->context, std::move(body), *std::move(cookies));
  }

  std::vector<grpc::GenericStub*> stubs_;
  absl::Mutex mutex_;
  // By neighbour: the call that is made, and the one to make in its place; those that were repeated
  // live on, since gRPC may still be busy with them.
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Call>> spares_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Call>> spent_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t unanswered_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void AnswerByRpc(const std::vector<grpc::GenericStub*>& stubs, const RpcRequest& request,
                 std::shared_ptr<HttpExchange> exchange) {
  if (request.route.streams) {
    AnswerByStream(*stubs.front(), request, std::move(exchange));
  } else {
    std::make_shared<UnaryExchange>(request, std::move(exchange), stubs.size())->Start(stubs);
  }
}

}  // namespace playlog::gateway
