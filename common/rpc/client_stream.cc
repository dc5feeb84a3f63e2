#include "common/rpc/client_stream.h"

#include <grpcpp/alarm.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/rpc/client.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"

namespace playlog::rpc {

// An alarm may fire while the stream is destroyed, so it holds this and not the watch.
struct StreamWatch::State {
  void Cut() {
    const absl::MutexLock lock(&mutex);
    if (gone) return;
    cut = true;
    context.TryCancel();
  }

  grpc::ClientContext context;
  absl::Mutex mutex;
  bool cut ABSL_GUARDED_BY(mutex) = false;   // A part did not come in time.
  bool gone ABSL_GUARDED_BY(mutex) = false;  // Nobody reads any more.
};

StreamWatch::StreamWatch(const Call& call, absl::Duration part_timeout)
    : call_(call), part_timeout_(part_timeout), state_(std::make_shared<State>()) {
  AddMetadata(state_->context, kRequestIdKey, call.request_id);
  if (!call.authorization.empty()) {
    AddMetadata(state_->context, kAuthorizationKey, absl::StrCat("Bearer ", call.authorization));
  }
}

StreamWatch::~StreamWatch() {
  const absl::MutexLock lock(&state_->mutex);
  state_->gone = true;
}

grpc::ClientContext& StreamWatch::context() { return state_->context; }

void StreamWatch::Cancel() { state_->context.TryCancel(); }

bool StreamWatch::Run(absl::FunctionRef<bool()> step) {
  if (call_.IsCancelled()) Cancel();
  const absl::Time deadline = NeighbourDeadline(call_, part_timeout_);
  if (deadline <= absl::Now()) {
    // An alarm that is late already may still come after the part.
    state_->Cut();
    return false;
  }
  grpc::Alarm alarm;
  alarm.Set(ToGrpcDeadline(deadline), [state = state_](bool fired) {
    if (fired) state->Cut();
  });
  const bool more = step();
  alarm.Cancel();
  return more;
}

absl::Status StreamWatch::StatusOf(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  if (call_.IsCancelled()) return absl::CancelledError("the caller has gone");
  const absl::MutexLock lock(&state_->mutex);
  if (!state_->cut) return FromGrpc(status);
  return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "Deadline exceeded",
               "A part of the system did not answer in time. Try again.");
}

}  // namespace playlog::rpc
