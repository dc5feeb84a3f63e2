#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_ADMISSION_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_ADMISSION_H_

#include <cstddef>
#include <functional>
#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/gateway/http_limits.h"

namespace playlog::gateway {

// Bounds the requests that are in flight, and those that wait to be. The newest of those that wait
// goes first and the oldest is refused when the queue is full: under overload some requests are
// answered at once rather than all of them too late. Thread-safe.
class Admission {
 public:
  // One request's place. Its state is the admission's.
  class Place {
   public:
    // `wake` is called, under the admission's lock and from any thread, when a waiting place was
    // admitted or refused.
    explicit Place(std::function<void()> wake) : wake_(std::move(wake)) {}

   private:
    friend class Admission;
    enum class State { kOutside, kWaiting, kInFlight, kStreaming, kRefused };
    std::function<void()> wake_;
    State state_ = State::kOutside;
    std::list<Place*>::iterator position_;
  };

  enum class Answer { kAdmitted, kWait, kRefused };

  explicit Admission(const HttpLimits& limits)
      : max_in_flight_(limits.requests_in_flight),
        max_queued_(limits.requests_queued),
        max_streams_(limits.streams) {}

  // Asks for a place. kWait: it is queued.
  Answer Enter(Place& place);
  // How it stands with a queued place.
  Answer Look(const Place& place) const;
  // The place has waited long enough: admitted by now, or refused.
  Answer GiveUp(Place& place);
  // The answer now waits for its client, so it needs no place among those that wait for us, as long
  // as there is one among the streams.
  void BecomeStream(Place& place);
  // Gives the place up, whatever its state.
  void Leave(Place& place);

  std::size_t in_flight() const;

 private:
  void AdmitNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t max_in_flight_;
  const std::size_t max_queued_;
  const std::size_t max_streams_;
  mutable absl::Mutex mutex_;
  std::size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t streams_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Place*> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_ADMISSION_H_
