#include "services/gateway/answer_cache.h"

#include <iterator>
#include <utility>

namespace playlog::gateway {
namespace {

// What the lists and the allocator need for an entry, rounded up.
constexpr std::size_t kEntryOverhead = 256;

}  // namespace

std::size_t AnswerCache::BytesOf(const Entry& entry) {
  return entry.key.size() + entry.body->size() + kEntryOverhead;
}

void AnswerCache::Remove(Entries::iterator entry) {
  bytes_ -= BytesOf(*entry);
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

AnswerCache::Body AnswerCache::Find(const std::string& key, std::int64_t revision) {
  const absl::MutexLock lock(&mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->revision != revision) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->body;
}

bool AnswerCache::Has(const std::string& key) const {
  const absl::MutexLock lock(&mutex_);
  return by_key_.contains(key);
}

void AnswerCache::Keep(const std::string& key, std::int64_t revision, std::string_view body) {
  if (body.size() > kBodyBytesMax) return;
  // Copied before the lock is taken, and without what the writer's string has in reserve.
  Entry entry{key, revision, std::make_shared<const std::string>(body)};
  const std::size_t size = BytesOf(entry);
  if (size > bytes_max_) return;
  const absl::MutexLock lock(&mutex_);
  if (const auto older = by_key_.find(key); older != by_key_.end()) Remove(older->second);
  while (bytes_ + size > bytes_max_) Remove(std::prev(entries_.end()));
  entries_.push_front(std::move(entry));
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += size;
}

std::size_t AnswerCache::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace playlog::gateway
