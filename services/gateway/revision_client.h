#ifndef PLAYLOG_SERVICES_GATEWAY_REVISION_CLIENT_H_
#define PLAYLOG_SERVICES_GATEWAY_REVISION_CLIENT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/neighbour_stub.h"

namespace playlog::gateway {

// Asks the neighbours for the revisions of users' data (playlog.revisions.v1). Under load the
// questions of several requests go in one call: those that come while others are under way wait for
// one of these to end. So a question is always put after the request came in, and its answer is no
// older than the request. Thread-safe.
class RevisionClient {
 public:
  // Gets the revision; nothing if the token is not accepted there or the neighbour does not answer.
  using Done = std::function<void(std::optional<std::int64_t>)>;

  RevisionClient() = default;
  // Waits for the calls that are under way, which end in half a second.
  ~RevisionClient();
  RevisionClient(const RevisionClient&) = delete;
  RevisionClient& operator=(const RevisionClient&) = delete;

  // Asks for the revision of the data that the stub's neighbour has of the token's user. `done` is
  // called once, on a thread of gRPC; it must not block. The stub outlives the client.
  void Ask(NeighbourStub& stub, const std::string& token, Done done);

 private:
  struct Question {
    std::string token;
    Done done;
  };
  // What is asked of one neighbour. As many questions wait as requests are served (http_limits.h).
  struct Line {
    std::deque<Question> waiting;
    int calls = 0;
  };
  struct Batch;

  // Takes the next questions, if a call may begin.
  std::unique_ptr<Batch> NextBatch(NeighbourStub& stub) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Call(std::unique_ptr<Batch> batch);
  void OnAnswer(std::unique_ptr<Batch> batch, bool ok);

  absl::Mutex mutex_;
  std::map<NeighbourStub*, Line> lines_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_REVISION_CLIENT_H_
