#ifndef PLAYLOG_COMMON_RPC_WORKER_POOL_H_
#define PLAYLOG_COMMON_RPC_WORKER_POOL_H_

#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace playlog::rpc {

// A fixed number of threads behind a bounded queue. The place where blocking work is done, since
// gRPC's own threads are few and serve the health checks too. Thread-safe.
class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  WorkerPool(int workers, int queue_max);
  // Finishes what is queued, then joins the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Queues new work; false if the queue is full, and then the task is not run.
  bool TryPost(Task task);

  // Queues the continuation of work that was accepted before. It is not refused, since refusing
  // would waste what was done; the callers bound it by the number of calls that they have open.
  void PostContinuation(Task task);

 private:
  void Work();

  const std::size_t queue_max_;
  absl::Mutex mutex_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_WORKER_POOL_H_
