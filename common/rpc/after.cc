#include "common/rpc/after.h"

#include <grpcpp/alarm.h>

#include <utility>

#include "absl/time/clock.h"
#include "common/rpc/deadline.h"

namespace playlog::rpc {

void After(absl::Duration pause, std::function<void()> then) {
  if (pause <= absl::ZeroDuration()) return then();
  auto* const alarm = new grpc::Alarm;
  alarm->Set(ToGrpcDeadline(absl::Now() + pause), [alarm, then = std::move(then)](bool) {
    then();
    delete alarm;
  });
}

}  // namespace playlog::rpc
