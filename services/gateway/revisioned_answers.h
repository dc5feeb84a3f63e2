#ifndef PLAYLOG_SERVICES_GATEWAY_REVISIONED_ANSWERS_H_
#define PLAYLOG_SERVICES_GATEWAY_REVISIONED_ANSWERS_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "services/gateway/answer_cache.h"
#include "services/gateway/http_exchange.h"
#include "services/gateway/neighbour_stub.h"
#include "services/gateway/revision_client.h"
#include "services/gateway/rpc_exchange.h"

namespace playlog::gateway {

// A request for a route whose answers have revisions.
struct RevisionedRequest {
  std::unique_ptr<google::protobuf::Message> message;
  RpcRequest call;  // Refers to the message.
  std::int64_t user_id = 0;
  HttpHeaders headers;
};

// Answers requests for routes whose RPC is `revisioned`. Where a client says that it has an answer,
// or one was kept, it first asks the route's neighbour, with the request's own token, which
// revision the user's data have now. A client that has the answer of this revision gets a 304. An
// answer that was kept at this revision is sent as it is. Anything else goes to the RPC as ever,
// and its answer, which is read after the revision and so no older than it, is tagged with it and
// kept if it is not large. Where there is nothing to compare with, the RPC is asked at once, and
// tells the revision itself. Where the revision cannot be learned, the RPC answers alone, and says
// what is wrong. Thread-safe.
class RevisionedAnswers {
 public:
  // `cache_bytes_max` bounds what is kept.
  explicit RevisionedAnswers(std::size_t cache_bytes_max) : cache_(cache_bytes_max) {}

  // Does not block. The stub outlives this object.
  void Answer(NeighbourStub& stub, std::shared_ptr<const RevisionedRequest> request,
              std::shared_ptr<HttpExchange> exchange);

 private:
  void AnswerAt(std::int64_t revision, const std::string& key, NeighbourStub& stub,
                const RevisionedRequest& request, std::shared_ptr<HttpExchange> exchange);
  void AnswerAnew(const std::string& key, NeighbourStub& stub, const RevisionedRequest& request,
                  std::shared_ptr<HttpExchange> exchange);

  AnswerCache cache_;
  // Last, so that its calls, which use the cache, end first.
  RevisionClient revisions_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_REVISIONED_ANSWERS_H_
