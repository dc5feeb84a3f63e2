#ifndef PLAYLOG_COMMON_INGEST_PAGE_FEED_H_
#define PLAYLOG_COMMON_INGEST_PAGE_FEED_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/ingest/backfill.h"

namespace playlog::ingest {

// Reads the pages of a walk in a thread of its own, a few ahead of the one who stores them. It may
// ask for the next page before the last one has come, so that a slow answer costs no call that a
// limit would allow; if that page then turns out not to be the next, it is dropped. A page that may
// have been too large is asked for again in smaller ones.
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

  // Asks for so many pages at a time, 1 or a few: `fetch` is called in as many threads, and lives
  // as long as the feed.
  PageFeed(const Walk& walk, int in_flight, Fetch fetch);
  // Waits for the pages that are being fetched, and drops what was not taken.
  ~PageFeed();
  PageFeed(const PageFeed&) = delete;
  PageFeed& operator=(const PageFeed&) = delete;

  // Lets the pages that are being fetched be the last.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes what is there, about two thousand plays at most; waits until something is, for that time
  // at most.
  Taken Take(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    Page page;
    Walk walk;
  };

  // A page that was asked for.
  struct Flight {
    Ask ask;
    std::future<absl::StatusOr<Page>> page;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  void LaunchNext();
  // Puts a page where Take finds it. OK if the walk can go on.
  absl::Status Land(absl::StatusOr<Page> page) ABSL_LOCKS_EXCLUDED(mutex_);
  bool WaitForRoom() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasSomething() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return over_ || !entries_.empty();
  }

  const Fetch fetch_;
  const std::size_t in_flight_;
  // The thread's alone, while that runs.
  Walker walker_;
  Walker planned_;  // With the pages under way, if nothing changes meanwhile.
  std::deque<Flight> flights_;
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
