#include "services/gateway/rpc_exchange.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/rpc/client.h"
#include "common/rpc/status.h"
#include "services/gateway/http_error.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/request_binder.h"
#include "services/gateway/rpc_answer.h"

namespace playlog::gateway {
namespace {

// What the gateway keeps of a route's time to write the answer.
constexpr absl::Duration kHopMargin = absl::Milliseconds(50);

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  const std::string bytes = message.SerializeAsString();
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// What both kinds of call share: the context and the way back to the client.
class Exchange {
 public:
  Exchange(const RpcRequest& request, std::shared_ptr<HttpExchange> http)
      : route_(request.route),
        request_id_(request.request_id),
        is_head_(request.is_head),
        secure_cookies_(request.secure_cookies),
        http_(std::move(http)),
        request_(Serialize(request.message)),
        deadline_(absl::Now() + absl::Milliseconds(request.route.deadline_ms) - kHopMargin) {
    rpc::AddMetadata(context_, rpc::kRequestIdKey, request.request_id);
    rpc::AddMetadata(context_, rpc::kClientAddressKey, request.client_address);
    if (!request.token.empty()) {
      rpc::AddMetadata(context_, rpc::kAuthorizationKey, absl::StrCat("Bearer ", request.token));
    }
  }

 protected:
  void SendError(const absl::Status& status) {
    if (CodeOf(status) == errors::v1::ERROR_CODE_INTERNAL) {
      Log(Severity::kError, "rpc_failed",
          {{"method", route_.grpc_method},
           {"error", status.ToString()},
           {"request_id", request_id_}});
    }
    http_->Send(MakeErrorResponse(ForClientOf(route_, status), request_id_));
  }

  int SuccessStatus() const {
    const auto& trailers = context_.GetServerTrailingMetadata();
    const auto found = trailers.find(rpc::kHttpStatusKey);
    const bool alternative = route_.alternative_status != 0 && found != trailers.end() &&
                             found->second == rpc::kAlternativeStatus;
    return alternative ? route_.alternative_status : route_.status;
  }

  void SendWhole(std::string body, HttpHeaders cookies = {}) {
    HttpResponse response{SuccessStatus(), std::move(cookies), {}};
    if (response.status != 204) {
      for (auto& field : HeadersOf(route_)) response.headers.push_back(std::move(field));
      response.body = std::move(body);
    }
    http_->Send(std::move(response));
  }

  const Route& route_;
  const std::string request_id_;
  const bool is_head_;
  const bool secure_cookies_;
  const std::shared_ptr<HttpExchange> http_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  const absl::Time deadline_;
};

class UnaryExchange final : public Exchange, public std::enable_shared_from_this<UnaryExchange> {
 public:
  using Exchange::Exchange;

  void Start(grpc::GenericStub& stub) {
    context_.set_deadline(absl::ToChronoTime(deadline_));
    http_->OnCancelled([self = weak_from_this()] {
      if (const auto exchange = self.lock()) exchange->context_.TryCancel();
    });
    stub.UnaryCall(&context_, route_.grpc_method, grpc::StubOptions(), &request_, &response_,
                   [self = shared_from_this()](grpc::Status status) { self->Finish(status); });
  }

 private:
  void Finish(const grpc::Status& status) {
    if (!status.ok()) return SendError(rpc::FromGrpc(status));
    const std::string wire = Flatten(response_);
    std::string body;
    const absl::Status written =
        route_.IsRaw() ? AppendBody(route_, wire, body) : WriteJson(*route_.answer, wire, body);
    if (!written.ok()) return SendError(written);
    absl::StatusOr<HttpHeaders> cookies = SetCookiesOf(route_, wire, secure_cookies_);
    if (!cookies.ok()) return SendError(cookies.status());
    SendWhole(std::move(body), *std::move(cookies));
  }

  grpc::ByteBuffer response_;
};

// Reads the parts of one message and hands each on, as JSON or as the bytes that it holds; the next
// part is read when the client's socket has taken the last one, so memory does not grow with the
// history. The first part is held until it is known whether there is a second: most answers are one
// part, and go out whole with their length.
class StreamExchange final : public Exchange,
                             public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamExchange(const RpcRequest& request, std::shared_ptr<HttpExchange> http)
      : Exchange(request, std::move(http)),
        writer_(*route_.answer),
        life_(std::make_shared<Life>()) {
    life_->context = &context_;
  }

  void Start(grpc::GenericStub& stub) {
    http_->OnCancelled([life = life_] { life->Cancel(); });
    // A stream has no deadline as a whole; its first part has.
    alarm_.Set(absl::ToChronoTime(deadline_), [life = life_](bool fired) {
      if (fired) life->CancelUnlessAnswering();
    });
    stub.PrepareBidiStreamingCall(&context_, route_.grpc_method, grpc::StubOptions(), this);
    AddHold();  // Reads are also started outside reactions, when the socket has taken a part.
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&part_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    life_->answering = true;
    if (!ok) return EndReads();
    const bool first = parts_++ == 0;
    std::string ready = std::move(pending_);
    pending_.clear();
    broken_ = Append(Flatten(part_));
    if (!broken_.ok()) return GiveUp();
    if (first) return StartRead(&part_);
    if (parts_ == 2) http_->Begin(route_.status, HeadersOf(route_));
    if (is_head_) return GiveUp();
    http_->Write(std::move(ready), [this](bool taken) {
      if (!taken) return GiveUp();
      StartRead(&part_);
    });
  }

  void OnDone(const grpc::Status& status) override {
    Complete(broken_.ok() ? rpc::FromGrpc(status) : broken_);
    life_->Forget();
    delete this;
  }

 private:
  // What callbacks that may come late hold of this call.
  struct Life {
    void Cancel() {
      const absl::MutexLock lock(&mutex);
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
    absl::Mutex mutex;
    grpc::ClientContext* context ABSL_GUARDED_BY(mutex) = nullptr;
  };

  // Adds a part to what is pending.
  absl::Status Append(const std::string& wire) {
    if (route_.IsRaw()) return AppendBody(route_, wire, pending_);
    return writer_.Write(wire, pending_);
  }

  // Adds what ends the answer.
  absl::Status Finish() { return route_.IsRaw() ? absl::OkStatus() : writer_.Finish(pending_); }

  void EndReads() {
    alarm_.Cancel();
    RemoveHold();
  }

  void GiveUp() {
    context_.TryCancel();
    EndReads();
  }

  void Complete(const absl::Status& status) {
    const bool begun = parts_ >= 2;
    if (begun && is_head_) return;
    if (!status.ok()) {
      if (!begun) return SendError(Describe(status));
      Log(Severity::kWarning, "stream_broken",
          {{"method", route_.grpc_method},
           {"error", status.ToString()},
           {"request_id", request_id_}});
      return http_->Abort();
    }
    if (const absl::Status finished = Finish(); !finished.ok()) {
      return begun ? http_->Abort() : SendError(finished);
    }
    if (!begun) return SendWhole(std::move(pending_));
    http_->Write(std::move(pending_), [http = http_](bool taken) {
      if (taken) http->End();
    });
  }

  // Our own cancellation because the first part did not come in time is a missed deadline.
  absl::Status Describe(const absl::Status& status) const {
    if (!absl::IsCancelled(status)) return status;
    return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "Deadline exceeded", "Try again.");
  }

  StreamWriter writer_;
  const std::shared_ptr<Life> life_;
  grpc::Alarm alarm_;
  grpc::ByteBuffer part_;
  std::string pending_;
  int parts_ = 0;
  absl::Status broken_;
};

}  // namespace

void AnswerByRpc(grpc::GenericStub& stub, const RpcRequest& request,
                 std::shared_ptr<HttpExchange> exchange) {
  if (request.route.streams) {
    // Deletes itself when the call is done.
    (new StreamExchange(request, std::move(exchange)))->Start(stub);
  } else {
    std::make_shared<UnaryExchange>(request, std::move(exchange))->Start(stub);
  }
}

}  // namespace playlog::gateway
