#include "services/gateway/http_admission.h"

namespace playlog::gateway {

Admission::Answer Admission::Enter(Place& place) {
  absl::MutexLock lock(&mutex_);
  if (in_flight_ < max_in_flight_) {
    ++in_flight_;
    place.state_ = Place::State::kInFlight;
    return Answer::kAdmitted;
  }
  if (max_queued_ == 0) return Answer::kRefused;
  if (queue_.size() == max_queued_) {
    Place* oldest = queue_.front();
    queue_.pop_front();
    oldest->state_ = Place::State::kRefused;
    oldest->wake_();
  }
  place.state_ = Place::State::kWaiting;
  place.position_ = queue_.insert(queue_.end(), &place);
  return Answer::kWait;
}

Admission::Answer Admission::Look(const Place& place) const {
  absl::MutexLock lock(&mutex_);
  switch (place.state_) {
    case Place::State::kWaiting:
      return Answer::kWait;
    case Place::State::kInFlight:
    case Place::State::kStreaming:
      return Answer::kAdmitted;
    default:
      return Answer::kRefused;
  }
}

Admission::Answer Admission::GiveUp(Place& place) {
  absl::MutexLock lock(&mutex_);
  if (place.state_ == Place::State::kInFlight) return Answer::kAdmitted;
  if (place.state_ == Place::State::kWaiting) queue_.erase(place.position_);
  place.state_ = Place::State::kOutside;
  return Answer::kRefused;
}

void Admission::BecomeStream(Place& place) {
  absl::MutexLock lock(&mutex_);
  if (place.state_ != Place::State::kInFlight || streams_ == max_streams_) return;
  place.state_ = Place::State::kStreaming;
  ++streams_;
  --in_flight_;
  AdmitNext();
}

void Admission::Leave(Place& place) {
  absl::MutexLock lock(&mutex_);
  switch (place.state_) {
    case Place::State::kWaiting:
      queue_.erase(place.position_);
      break;
    case Place::State::kInFlight:
      --in_flight_;
      AdmitNext();
      break;
    case Place::State::kStreaming:
      --streams_;
      break;
    default:
      break;
  }
  place.state_ = Place::State::kOutside;
}

void Admission::AdmitNext() {
  if (queue_.empty() || in_flight_ == max_in_flight_) return;
  Place* newest = queue_.back();
  queue_.pop_back();
  newest->state_ = Place::State::kInFlight;
  ++in_flight_;
  newest->wake_();
}

std::size_t Admission::in_flight() const {
  absl::MutexLock lock(&mutex_);
  return in_flight_ + streams_;
}

}  // namespace playlog::gateway
