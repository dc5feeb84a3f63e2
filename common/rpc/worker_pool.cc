#include "common/rpc/worker_pool.h"

#include <utility>

namespace playlog::rpc {

WorkerPool::WorkerPool(int workers, int queue_max)
    : queue_max_(static_cast<std::size_t>(queue_max)) {
  threads_.reserve(static_cast<std::size_t>(workers));
  for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::TryPost(Task task) {
  const absl::MutexLock lock(&mutex_);
  if (queue_.size() >= queue_max_) return false;
  queue_.push_back(std::move(task));
  return true;
}

void WorkerPool::PostContinuation(Task task) {
  const absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(task));
}

void WorkerPool::Work() {
  while (true) {
    Task task;
    {
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !queue_.empty() || stopping_;
      };
      const absl::MutexLock lock(&mutex_, absl::Condition(&ready));
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace playlog::rpc
