#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_STATE_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_STATE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/http_exchange.h"

namespace playlog::gateway {

// What the handler of a request and its connection share: the handler leaves output here from any
// thread, the connection takes it on its own. Thread-safe.
class ExchangeState {
 public:
  // What the handler has left since the last Take.
  struct Output {
    bool begins = false;  // `head` is new
    bool whole = false;   // `head` is a whole answer with its body
    HttpResponse head;
    std::string data;      // the next chunk, if not empty
    bool ended = false;    // nothing follows
    bool aborted = false;  // the answer will never be complete
    bool Empty() const { return !begins && data.empty() && !ended && !aborted; }
  };

  // `wake` tells the connection that there is output; it may be called from any thread, but is not
  // any more once Close has returned.
  ExchangeState(std::function<void()> wake, std::size_t max_pending_bytes);

  // The handler's side; see HttpExchange.
  void Send(HttpResponse response);
  void Begin(int status, HttpHeaders headers);
  void Write(std::string part, std::function<void(bool)> done);
  void End();
  void Abort();
  void OnCancelled(std::function<void()> cancelled);
  // The handler gave up its exchange.
  void Abandon();

  // The connection's side. Take is followed by Taken when the output is in the kernel's hands;
  // Cancel reports that the client left; Close is the last call, by which time `complete` tells
  // whether the answer was.
  Output Take();
  void Taken();
  void Cancel();
  void Close(bool complete);

 private:
  enum class Phase { kNew, kBegun, kEnded, kClosed };

  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t max_pending_bytes_;
  absl::Mutex mutex_;
  std::function<void()> wake_ ABSL_GUARDED_BY(mutex_);
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kNew;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  // Until the connection looks for the first time it needs no waking.
  bool awake_ ABSL_GUARDED_BY(mutex_) = true;
  Output output_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_cancelled_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(bool)>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void(bool)>> in_socket_ ABSL_GUARDED_BY(mutex_);
};

// Makes the exchange that the handler holds.
std::shared_ptr<HttpExchange> MakeExchange(std::shared_ptr<ExchangeState> state);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_EXCHANGE_STATE_H_
