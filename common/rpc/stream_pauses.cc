#include "common/rpc/stream_pauses.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <utility>

namespace playlog::rpc {

StreamPauses::StreamPauses() = default;
StreamPauses::~StreamPauses() = default;

// An alarm's callback never runs within Set or Cancel, but on a thread of gRPC's own, so both are
// called under the lock: a pause can't begin behind the back of what ends it.
bool StreamPauses::Begin(const std::atomic<bool>& cancelled, absl::Duration pause, Ended ended) {
  const absl::MutexLock lock(&mutex_);
  if (all_ended_ || cancelled) return false;
  const auto stream = &cancelled;
  auto alarm = std::make_unique<grpc::Alarm>();
  alarm->Set(
      std::chrono::system_clock::now() + absl::ToChronoNanoseconds(pause),
      [this, stream, ended = std::move(ended)](bool fired) { OnAlarm(stream, fired, ended); });
  alarms_[stream] = std::move(alarm);
  return true;
}

void StreamPauses::End(const std::atomic<bool>& cancelled) {
  const absl::MutexLock lock(&mutex_);
  const auto found = alarms_.find(&cancelled);
  if (found != alarms_.end()) found->second->Cancel();
}

void StreamPauses::EndAll() {
  const absl::MutexLock lock(&mutex_);
  all_ended_ = true;
  for (const auto& [stream, alarm] : alarms_) alarm->Cancel();
}

void StreamPauses::OnAlarm(const std::atomic<bool>* stream, bool fired, const Ended& ended) {
  std::unique_ptr<grpc::Alarm> alarm;
  {
    const absl::MutexLock lock(&mutex_);
    alarm = std::move(alarms_.extract(stream).mapped());
  }
  ended(fired);
}

}  // namespace playlog::rpc
