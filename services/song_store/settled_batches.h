#ifndef PLAYLOG_SERVICES_SONG_STORE_SETTLED_BATCHES_H_
#define PLAYLOG_SERVICES_SONG_STORE_SETTLED_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/song_store/plays.h"

namespace playlog::song_store {

// Remembers batches together with a revision of their user's plays at which they have nothing to
// add. Most fetches bring what the fetch before brought, and then one look at the revisions is
// enough to know that nothing is to be done. Each process remembers for itself, and what it
// remembers is good for nothing but to be compared with what the database says of the revisions
// since. Bounded; thread-safe.
class SettledBatches {
 public:
  // Some 2 MiB.
  static constexpr std::size_t kBatchesMax = 16'384;

  // What tells batches apart: their user and their plays, by a hash that nobody can collide.
  static std::string KeyOf(const Batch& batch);

  // The revision at which the batch has nothing to add, as far as is known.
  std::optional<std::int64_t> Find(const std::string& key) const;

  void Remember(const std::string& key, std::int64_t revision);

 private:
  mutable absl::Mutex mutex_;
  std::unordered_map<std::string, std::int64_t> revisions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_SETTLED_BATCHES_H_
