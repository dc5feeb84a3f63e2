#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_

#include <grpcpp/generic/generic_stub.h>

#include <memory>

#include "services/gateway/http_exchange.h"
#include "services/gateway/rpc_exchange.h"

namespace playlog::gateway {

// The part of AnswerByRpc for routes that stream.
void AnswerByStream(grpc::GenericStub& stub, const RpcRequest& request,
                    std::shared_ptr<HttpExchange> exchange);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_
