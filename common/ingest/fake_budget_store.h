#ifndef PLAYLOG_COMMON_INGEST_FAKE_BUDGET_STORE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_BUDGET_STORE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/ingest/budget_store.h"

namespace playlog::ingest {

// A BudgetStore in memory.
class FakeBudgetStore final : public BudgetStore {
 public:
  explicit FakeBudgetStore(Clock& clock = Clock::System()) : clock_(clock) {}

  absl::StatusOr<PlaceAnswer> Take(const PlaceRequest& request, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    ++asked_;
    if (!status_.ok()) return status_;
    if (places_.contains(request.name)) return PlaceAnswer{};
    const absl::Time now = clock_.Now();
    const absl::Duration wait = FreeFrom(request, now) - now;
    const auto waiter = waiters_.find(request.name);
    if (wait < absl::ZeroDuration()) {
      if (waiter != waiters_.end()) waiters_.erase(waiter);
      places_[request.name] = {request.subject, request.user_id, now, now + request.lease};
      return PlaceAnswer{};
    }
    if (wait > request.max_wait) {
      if (waiter != waiters_.end()) waiters_.erase(waiter);
      return PlaceAnswer{PlaceAnswer::Kind::kRefused, wait};
    }
    const absl::Duration pause = std::min(wait, kLongestPause);
    const absl::Time since = waiter == waiters_.end() ? now : waiter->second.since;
    waiters_[request.name] = {request.subject, request.user_id, request.interactive, since,
                              now + pause + kLateness};
    return PlaceAnswer{PlaceAnswer::Kind::kWait, pause};
  }
  absl::Status End(const std::string& name, absl::Duration later, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const auto place = places_.find(name);
    if (place != places_.end()) place->second.ends_at = clock_.Now() + later;
    return absl::OkStatus();
  }
  absl::Status Leave(const std::string& name, absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    places_.erase(name);
    waiters_.erase(name);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<int>> CountUsed(std::int64_t user_id,
                                             std::span<const CallLimit> limits,
                                             absl::Time) override {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    const Place* latest = nullptr;
    for (const auto& [name, place] : places_) {
      if (place.user_id != user_id) continue;
      if (latest == nullptr || place.taken_at > latest->taken_at) latest = &place;
    }
    std::vector<int> used;
    for (const CallLimit& limit : limits) {
      const bool known = latest != nullptr;
      used.push_back(known ? static_cast<int>(Counted(latest->subject, limit, clock_.Now()).size())
                           : 0);
    }
    return used;
  }

  // Makes every call fail from now on.
  void FailWith(absl::Status status) {
    const absl::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  // How often a place was asked for.
  int asked() {
    const absl::MutexLock lock(&mutex_);
    return asked_;
  }
  // How many wait in line, alive or not.
  int waiting() {
    const absl::MutexLock lock(&mutex_);
    return static_cast<int>(waiters_.size());
  }

 private:
  struct Place {
    std::string subject;
    std::int64_t user_id;
    absl::Time taken_at;
    absl::Time ends_at;
  };
  struct Waiter {
    std::string subject;
    std::int64_t user_id;
    bool interactive;
    absl::Time since;
    absl::Time alive_until;
  };

  // When the calls that the limit counts can have ended at the earliest, in this order.
  std::vector<absl::Time> Counted(const std::string& subject, const CallLimit& limit,
                                  absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<absl::Time> counted;
    for (const auto& [name, place] : places_) {
      if (place.subject != subject || place.ends_at < now - limit.window) continue;
      counted.push_back(std::min(place.ends_at, now));
    }
    std::sort(counted.begin(), counted.end());
    return counted;
  }
  // When the request can have a place at the earliest; the infinite past for at once.
  absl::Time FreeFrom(const PlaceRequest& request, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int ahead = CountAhead(request, now);
    absl::Time free_from = absl::InfinitePast();
    for (const CallLimit& limit : request.limits) {
      const std::vector<absl::Time> counted = Counted(request.subject, limit, now);
      const int missing = static_cast<int>(counted.size()) + ahead % limit.calls - limit.calls + 1;
      if (missing <= 0 && ahead < limit.calls) continue;
      const absl::Time first =
          missing > 0 ? counted[static_cast<std::size_t>(missing - 1)] + limit.window : now;
      free_from = std::max(free_from, first + ahead / limit.calls * limit.window);
    }
    return free_from;
  }
  // How many are served before the request.
  int CountAhead(const PlaceRequest& request, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::map<std::string, Waiter> line = waiters_;
    const auto known = line.find(request.name);
    line[request.name] = {request.subject, request.user_id, request.interactive,
                          known == line.end() ? now : known->second.since, now};
    std::erase_if(line, [&](const auto& entry) {
      return entry.second.subject != request.subject || entry.second.alive_until < now;
    });
    std::map<std::int64_t, absl::Time> served;
    for (const auto& [name, place] : places_) {
      if (place.subject != request.subject) continue;
      absl::Time& last = served.emplace(place.user_id, absl::InfinitePast()).first->second;
      last = std::max(last, place.taken_at);
    }
    const auto turn = [&](const std::string& name, const Waiter& waiter) {
      return std::count_if(line.begin(), line.end(), [&](const auto& other) {
        return other.second.user_id == waiter.user_id &&
               other.second.interactive == waiter.interactive &&
               std::tie(other.second.since, other.first) < std::tie(waiter.since, name);
      });
    };
    const auto rank = [&](const std::string& name, const Waiter& waiter) {
      const auto last = served.find(waiter.user_id);
      return std::tuple(!waiter.interactive, turn(name, waiter),
                        last == served.end() ? absl::InfinitePast() : last->second, waiter.since,
                        name);
    };
    const auto own = rank(request.name, line[request.name]);
    return static_cast<int>(std::count_if(line.begin(), line.end(), [&](const auto& other) {
      return rank(other.first, other.second) < own;
    }));
  }

  Clock& clock_;
  absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  int asked_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Place> places_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_BUDGET_STORE_H_
