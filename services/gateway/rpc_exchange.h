#ifndef PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/gateway/http_exchange.h"
#include "services/gateway/neighbour_stub.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// What one RPC on behalf of one HTTP request needs. The route outlives the call.
struct RpcRequest {
  const Route& route;
  const google::protobuf::Message& message;
  std::string token;  // Verified; empty for a call without a user.
  std::string request_id;
  std::string client_address;           // Of the client's socket, without its port.
  absl::Time arrived_at = absl::Now();  // When the route's time began.
  bool is_head = false;
  bool secure_cookies = false;  // Cookies are for https alone.
  // Hears of the revision that a streamed answer comes with, before the exchange gets any of it.
  // May be empty.
  std::function<void(std::int64_t)> on_revision = nullptr;
};

// Calls the RPC and answers the exchange with its response: a unary answer at once, a streamed one
// part by part as the client takes them. Of several stubs, which a route that streams never has,
// all are asked at the same time: their answers are merged in the order of the stubs, and the first
// error ends all. The calls end when the client leaves. Does not block.
void AnswerByRpc(const std::vector<NeighbourStub*>& stubs, const RpcRequest& request,
                 std::shared_ptr<HttpExchange> exchange);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RPC_EXCHANGE_H_
