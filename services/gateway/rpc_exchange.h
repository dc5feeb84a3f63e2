#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>

#include "services/gateway/http_exchange.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// What one RPC on behalf of one HTTP request needs. The route outlives the call.
struct RpcRequest {
  const Route& route;
  const google::protobuf::Message& message;
  std::string token;  // Verified; empty for a call without a user.
  std::string request_id;
  std::string client_address;  // Of the client's socket, without its port.
  bool is_head = false;
  bool secure_cookies = false;  // Cookies are for https alone.
};

// Calls the RPC and answers the exchange with its response: a unary answer at once, a streamed one
// part by part as the client takes them. The call ends when the client leaves. Does not block.
void AnswerByRpc(grpc::GenericStub& stub, const RpcRequest& request,
                 std::shared_ptr<HttpExchange> exchange);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_
