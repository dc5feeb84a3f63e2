#ifndef PLAYLOG_COMMON_INGEST_PAGE_FEED_H_
#define PLAYLOG_COMMON_INGEST_PAGE_FEED_H_

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/ingest/backfill.h"

namespace playlog::ingest {

// Reads the pages of a walk, one after the other, in a thread of its own, a few ahead of the one
// who stores them. A page that may have been too large is asked for again in smaller ones.
class PageFeed {
 public:
  using Fetch = std::function<absl::StatusOr<Page>(const Ask&)>;

  // What has come.
  struct Taken {
    Page page;  // The plays and the rejected items of one or more pages, in the order of reading.
    Walk walk;  // How far the walk is with them.
    bool over = false;    // Nothing follows.
    absl::Status status;  // Why, unless the walk is at its end or the feed was told to stop.
  };

  // `fetch` is called in the feed's thread, and lives as long as the feed.
  PageFeed(const Walk& walk, Fetch fetch);
  // Waits for the page that is being fetched, and drops what was not taken.
  ~PageFeed();
  PageFeed(const PageFeed&) = delete;
  PageFeed& operator=(const PageFeed&) = delete;

  // Lets the page that is being fetched be the last.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes what is there, about a thousand plays at most; waits until something is, for that time
  // at most.
  Taken Take(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    Page page;
    Walk walk;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForRoom() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasSomething() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return over_ || !entries_.empty();
  }

  const Fetch fetch_;
  Walker walker_;  // The thread's alone, while that runs.
  absl::Mutex mutex_;
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  Walk walk_ ABSL_GUARDED_BY(mutex_);  // With all that was taken.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last, for it uses the others.
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_PAGE_FEED_H_
