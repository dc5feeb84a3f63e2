#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_BASE_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_BASE_H_

// Of the RPC exchanges' own files only.

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/gateway/http_exchange.h"
#include "services/gateway/rpc_exchange.h"

namespace playlog::gateway {

// What is left of the request once the call has begun, and the way back to the client.
class RpcExchangeBase {
 public:
  RpcExchangeBase(const RpcRequest& request, std::shared_ptr<HttpExchange> http);

 protected:
  // Puts what every neighbour is told about the request into a call's context.
  void Introduce(grpc::ClientContext& context) const;

  // How long to wait before a call that ended so is made again after `repeats` times; nothing if it
  // is not. What may be repeated is asked again of a neighbour that has not served it, since it may
  // have been leaving, for another to come. The one that leaves may drop the first repetition too,
  // as long as we have not heard that it leaves.
  std::optional<absl::Duration> PauseBeforeRepeat(const absl::Status& status, bool given_up,
                                                  int repeats) const;

  static std::string Flatten(const grpc::ByteBuffer& buffer);

  void SendError(const absl::Status& status);

  // Answers with a whole body, with the status that the call in `context` has chosen.
  void SendWhole(const grpc::ClientContext& context, std::string body, HttpHeaders cookies = {});

  const Route& route_;
  const std::string request_id_;
  const std::string client_address_;
  const std::string token_;
  const bool is_head_;
  const bool secure_cookies_;
  const std::shared_ptr<HttpExchange> http_;
  const grpc::ByteBuffer request_;
  // Of a unary answer, or of the first part of a stream.
  const absl::Time deadline_;

 private:
  int SuccessStatus(const grpc::ClientContext& context) const;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_BASE_H_
