#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_

#include <memory>

#include "services/gateway/http_exchange.h"
#include "services/gateway/neighbour_stub.h"
#include "services/gateway/rpc_exchange.h"

namespace playlog::gateway {

// The part of AnswerByRpc for routes that stream.
void AnswerByStream(NeighbourStub& stub, const RpcRequest& request,
                    std::shared_ptr<HttpExchange> exchange);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_STREAM_EXCHANGE_H_
