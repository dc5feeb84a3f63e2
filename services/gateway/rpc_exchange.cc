#include "services/gateway/rpc_exchange.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "absl/synchronization/mutex.h"
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
  UnaryExchange(const RpcRequest& request, std::shared_ptr<HttpExchange> http, std::size_t calls)
      : RpcExchangeBase(request, std::move(http)), unanswered_(calls) {
    for (std::size_t i = 0; i < calls; ++i) {
      calls_.push_back(std::make_unique<Call>());
      calls_.back()->context.set_deadline(absl::ToChronoTime(deadline_));
      Introduce(request, calls_.back()->context);
    }
  }

  void Start(const std::vector<grpc::GenericStub*>& stubs) {
    http_->OnCancelled([self = weak_from_this()] {
      if (const auto exchange = self.lock()) exchange->Cancel();
    });
    for (std::size_t i = 0; i < stubs.size(); ++i) {
      stubs[i]->UnaryCall(
          &calls_[i]->context, route_.grpc_method, grpc::StubOptions(), &request_,
          &calls_[i]->response,
          [self = shared_from_this()](const grpc::Status& status) { self->OnAnswer(status); });
    }
  }

 private:
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };

  // A call that has ended takes no notice of it, and one that has not begun ends as it begins.
  void Cancel() {
    for (const auto& call : calls_) call->context.TryCancel();
  }

  void OnAnswer(const grpc::Status& status) {
    bool is_first_error = false;
    bool is_last = false;
    {
      const absl::MutexLock lock(&mutex_);
      is_first_error = !status.ok() && status_.ok();
      if (is_first_error) status_ = rpc::FromGrpc(status);
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

  std::vector<std::unique_ptr<Call>> calls_;
  absl::Mutex mutex_;
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
