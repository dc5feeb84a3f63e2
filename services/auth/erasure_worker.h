#ifndef PLAYLOG_SERVICES_AUTH_ERASURE_WORKER_H_
#define PLAYLOG_SERVICES_AUTH_ERASURE_WORKER_H_

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/wake_signal.h"
#include "services/auth/erasers.h"
#include "services/auth/erasure_store.h"

namespace playlog::auth {

// One step of the work on erasures. Not thread-safe; any number of processes may run it, each on
// its own.
class ErasureStep {
 public:
  // Both outlive the step. `cancelled` ends an attempt before its time.
  ErasureStep(ErasureStore& store, Erasers& erasers, std::function<bool()> cancelled = {})
      : store_(store), erasers_(erasers), cancelled_(std::move(cancelled)) {}

  // Works on the erasure that has been due longest: tells every other service, and then ends the
  // erasure, or postpones it if not each of them has said that it is done. Returns whether there
  // was one. An error is the store's.
  absl::StatusOr<bool> Run();

 private:
  ErasureStore& store_;
  Erasers& erasers_;
  const std::function<bool()> cancelled_;
};

// Works on erasures from a thread of its own for as long as it lives.
class ErasureWorker {
 public:
  // Both outlive the worker.
  ErasureWorker(ErasureStore& store, Erasers& erasers);
  // Waits for the attempt that is under way.
  ~ErasureWorker();
  ErasureWorker(const ErasureWorker&) = delete;
  ErasureWorker& operator=(const ErasureWorker&) = delete;

  // Lets it look at once, since a user has been deleted; otherwise it looks every second or so.
  // Thread-safe.
  void Wake() { awake_.Raise(); }

 private:
  void Work();

  std::atomic<bool> stopping_ = false;
  WakeSignal awake_;
  ErasureStep step_;
  std::thread thread_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_ERASURE_WORKER_H_
