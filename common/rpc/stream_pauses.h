#ifndef PLAYLOG_COMMON_RPC_STREAM_PAUSES_H_
#define PLAYLOG_COMMON_RPC_STREAM_PAUSES_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace grpc {
class Alarm;
}

namespace playlog::rpc {

// The pauses of streams whose next part is not there yet: a timer each, and no thread. There are as
// many at most as the dispatcher serves streams. Outlives the streams. Thread-safe.
class StreamPauses {
 public:
  // Told, on a thread of gRPC, that a pause has ended: by itself, or because it was ended early.
  using Ended = std::function<void(bool by_itself)>;

  StreamPauses();
  ~StreamPauses();

  // Begins the pause of a stream, after which `ended` is called once. Returns false, and calls
  // nothing, if the stream is cancelled or EndAll was called. `cancelled` names the stream.
  bool Begin(const std::atomic<bool>& cancelled, absl::Duration pause, Ended ended);

  // Ends the stream's pause, if it has one, after `cancelled` was set.
  void End(const std::atomic<bool>& cancelled);

  // Ends every pause, and lets none begin any more.
  void EndAll();

 private:
  void OnAlarm(const std::atomic<bool>* stream, bool fired, const Ended& ended);

  absl::Mutex mutex_;
  bool all_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const std::atomic<bool>*, std::unique_ptr<grpc::Alarm>> alarms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_STREAM_PAUSES_H_
