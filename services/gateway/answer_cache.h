#ifndef PLAYLOG_SERVICES_GATEWAY_ANSWER_CACHE_H_
#define PLAYLOG_SERVICES_GATEWAY_ANSWER_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace playlog::gateway {

// The bodies of answers, to be sent again for as long as the revision that they were made at holds.
// It never says by itself that one holds: who asks names the revision, of which the answer's own
// service has just told for the user who asks. Bounded in bytes; the ones used longest ago make
// room. Thread-safe.
class AnswerCache {
 public:
  using Body = std::shared_ptr<const std::string>;

  // The most bytes of one answer: with 50 songs it has some 30 KiB.
  static constexpr std::size_t kBodyBytesMax = 256 * 1024;

  // `bytes_max` counts keys, bodies and what keeping them costs; 0 keeps nothing.
  explicit AnswerCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // The body of the key's answer at exactly this revision, or null.
  Body Find(const std::string& key, std::int64_t revision);

  // Whether an answer of the key is kept, whatever its revision.
  bool Has(const std::string& key) const;

  // Keeps a body in place of the key's older one. One that is too large is not kept.
  void Keep(const std::string& key, std::int64_t revision, std::string_view body);

  std::size_t bytes() const;

 private:
  struct Entry {
    std::string key;
    std::int64_t revision;
    Body body;
  };
  using Entries = std::list<Entry>;

  static std::size_t BytesOf(const Entry& entry);
  void Remove(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t bytes_max_;
  mutable absl::Mutex mutex_;
  // The one used last comes first.
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  // The keys are those of the entries.
  std::unordered_map<std::string_view, Entries::iterator> by_key_ ABSL_GUARDED_BY(mutex_);
  std::size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_ANSWER_CACHE_H_
