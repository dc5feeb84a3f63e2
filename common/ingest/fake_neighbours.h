#ifndef PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_
#define PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/error.h"
#include "common/ingest/neighbours.h"

namespace playlog::ingest {

// A KeyVault in memory.
class FakeKeyVault final : public KeyVault {
 public:
  struct Report {
    std::int64_t user_id;
    std::int64_t version;
    KeyUse use;
    bool operator==(const Report&) const = default;
  };

  void Put(std::int64_t user_id, Credential credential) {
    const absl::MutexLock lock(&mutex_);
    credentials_[user_id] = std::move(credential);
  }
  void Remove(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    credentials_.erase(user_id);
  }
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  absl::StatusOr<Credential> Open(const rpc::Call&, std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto found = credentials_.find(user_id);
    if (found == credentials_.end()) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No key");
    ++opened_;
    return found->second;
  }
  absl::StatusOr<std::int64_t> SaveTokens(const rpc::Call&, std::int64_t user_id,
                                          std::int64_t expected_version,
                                          const Tokens& tokens) override {
    const absl::MutexLock lock(&mutex_);
    if (!save_failures_.empty()) {
      const absl::Status failure = save_failures_.front();
      save_failures_.pop_front();
      return failure;
    }
    if (!status_.ok()) return status_;
    if (expected_version != 0 && !credentials_.contains(user_id)) {
      return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No key");
    }
    Credential& known = credentials_[user_id];
    if (expected_version != 0 && expected_version != known.version) {
      return Error(errors::v1::ERROR_CODE_CONFLICT, "Changed meanwhile");
    }
    known.key = tokens.key;
    known.refresh_token = tokens.refresh_token;
    known.previous_refresh_token = tokens.previous_refresh_token;
    known.expires_at = tokens.expires_at;
    return ++known.version;
  }
  absl::Status ReportUse(const rpc::Call&, std::int64_t user_id, std::int64_t version,
                         KeyUse use) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    reports_.push_back({user_id, version, use});
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<ListedKey>> List(const rpc::Call&, std::int64_t after_user_id,
                                              int limit) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<ListedKey> keys;
    for (auto key = credentials_.upper_bound(after_user_id);
         key != credentials_.end() && std::ssize(keys) < limit; ++key) {
      keys.push_back({.user_id = key->first,
                      .version = key->second.version,
                      .state = key->second.known_good ? auth::v1::KEY_STATE_OK
                                                      : auth::v1::KEY_STATE_UNVERIFIED});
    }
    return keys;
  }

  // Makes the next SaveTokens fail, once for each call.
  void FailNextSave(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    save_failures_.push_back(std::move(status));
  }
  Credential credential(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    return credentials_[user_id];
  }
  std::vector<Report> reports() {
    const absl::MutexLock lock(&mutex_);
    return reports_;
  }
  // How many keys were opened.
  int opened() {
    const absl::MutexLock lock(&mutex_);
    return opened_;
  }

 private:
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::Status> save_failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<Report> reports_ ABSL_GUARDED_BY(mutex_);
  int opened_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::int64_t, Credential> credentials_ ABSL_GUARDED_BY(mutex_);
};

// A PlaySink in memory, which keeps what it is given in the order of arrival, and knows which of it
// was new.
class FakePlaySink final : public PlaySink {
 public:
  absl::StatusOr<StoreCounts> Store(const rpc::Call&, std::int64_t user_id, std::string_view origin,
                                    const std::vector<songs::v1::Play>& plays) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    std::vector<songs::v1::Play>& stored = plays_[user_id];
    stored.insert(stored.end(), plays.begin(), plays.end());
    origins_[user_id].emplace(origin);
    std::set<Key> batch;
    StoreCounts counts;
    for (const songs::v1::Play& play : plays) {
      const Key key{user_id, PlayedAtOf(play), play.title(), play.artist()};
      if (!batch.insert(key).second) continue;
      ++(known_.insert(key).second ? counts.inserted : counts.unchanged);
    }
    return counts;
  }
  absl::StatusOr<std::int64_t> Count(const rpc::Call&, std::int64_t user_id,
                                     const Span& span) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    return std::count_if(known_.begin(), known_.end(), [&](const Key& key) {
      const auto& [owner, played_at, title, artist] = key;
      return owner == user_id && played_at >= span.from && played_at < span.to + absl::Seconds(1);
    });
  }
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  std::vector<songs::v1::Play> plays(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    return plays_[user_id];
  }
  // What brought a user's plays.
  std::set<std::string> origins(std::int64_t user_id) {
    const absl::MutexLock lock(&mutex_);
    return origins_[user_id];
  }

 private:
  using Key = std::tuple<std::int64_t, absl::Time, std::string, std::string>;

  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::vector<songs::v1::Play>> plays_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::set<std::string>> origins_ ABSL_GUARDED_BY(mutex_);
  std::set<Key> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_NEIGHBOURS_H_
