#include "tests/bench/crowd.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/bench/users.h"
#include "tests/harness/api.h"

namespace playlog::bench {
namespace {

constexpr int kOneListensOf = 10;
// As many as auth tries at once, but for two.
constexpr int kStoringThreads = 6;
// The system may be busy for a moment.
constexpr int kTries = 20;
constexpr absl::Duration kRest = absl::Milliseconds(250);

// Stores keys on threads of its own until all are stored or one cannot be.
class KeyStorer {
 public:
  KeyStorer(int port, const std::vector<Member>& crowd) : api_(port), crowd_(crowd) {
    for (int i = 0; i < kStoringThreads; ++i) threads_.emplace_back([this] { Work(); });
  }

  bool ended() const { return working_ == 0; }

  void Check() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::MutexLock lock(&mutex_);
    if (!error_.empty()) throw std::runtime_error(error_);
  }

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_) {
    for (std::size_t i = next_++; i < crowd_.size(); i = next_++) {
      const Member& member = crowd_[i];
      harness::User user;
      user.access = member.access;
      Store([&] { return api_.StoreSpotifyToken(user, member.listener); });
      if (member.lastfm_key.empty()) continue;
      Store([&] { return api_.StoreLastfmKey(user, member.lastfm_key, member.listener); });
    }
    --working_;
  }

  void Store(const std::function<harness::HttpAnswer()>& call) ABSL_LOCKS_EXCLUDED(mutex_) {
    harness::HttpAnswer answer;
    for (int tries = 0; tries < kTries; ++tries) {
      answer = call();
      // A call that was stored and not answered replaces its own key.
      if (answer.status == 201 || answer.status == 200) return;
      absl::SleepFor(kRest);
    }
    next_ = crowd_.size();
    const absl::MutexLock lock(&mutex_);
    error_ = absl::StrCat("storing a key: ", answer.status, " ", answer.body);
  }

  const harness::Api api_;
  const std::vector<Member>& crowd_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<int> working_ = kStoringThreads;
  absl::Mutex mutex_;
  std::string error_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;  // Last, so that they end before what they use.
};

}  // namespace

std::vector<Member> MakeCrowd(const harness::Stack& stack, Sql& sql, const CrowdOptions& options) {
  const int keys = std::max(1, options.users / 2 / options.users_of_key);
  std::vector<Member> crowd;
  int with_lastfm = 0;
  for (SignedIn& user : MakeUsers(stack, sql, "crowd", options.users)) {
    Member& member = crowd.emplace_back();
    member.id = user.id;
    member.access = std::move(user.access);
    const std::size_t number = crowd.size() - 1;
    member.listens = number % kOneListensOf == 0;
    member.listener = member.listens
                          ? absl::StrCat("scenario-live-", options.seconds_of_song, "__", member.id)
                          : absl::StrCat("crowd-", member.id);
    // By tens, so that half of those who listen have it too.
    if (number / kOneListensOf % 2 == 0) {
      member.lastfm_key = absl::StrCat("shared-key-", with_lastfm++ % keys);
    }
  }
  return crowd;
}

void StoreKeys(const harness::Stack& stack, const std::vector<Member>& crowd,
               const std::function<void()>& each_second) {
  KeyStorer storer(stack.http_port(), crowd);
  while (!storer.ended()) {
    absl::SleepFor(absl::Seconds(1));
    each_second();
  }
  storer.Check();
}

}  // namespace playlog::bench
