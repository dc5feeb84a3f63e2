#ifndef PLAYLOG_COMMON_RPC_CALL_H_
#define PLAYLOG_COMMON_RPC_CALL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::rpc {

// What a handler knows about the call that it answers. Tests make one by hand.
struct Call {
  // When the caller stops waiting. Never later than the dispatcher's own limit.
  absl::Time deadline = absl::InfiniteFuture();
  // Names the request in every log on its way: 1 to 64 letters, digits and `-`.
  std::string request_id;
  // The service that calls, from its certificate.
  std::string peer_service;
  // The signed-in user, from the verified token; 0 where the RPC needs no sign-in.
  std::int64_t user_id = 0;
  // The sign-in that the user's token comes from; 0 where the RPC needs no sign-in.
  std::int64_t session_id = 0;
  // The address that the client of the gateway comes from, without a port, as the gateway's socket
  // has it; empty where the call does not come through the gateway.
  std::string client_address;
  // The user's token, to pass on to a neighbour; empty where there is none.
  std::string authorization;
  // Set by the handler: the HTTP answer gets http_behaviour.alternative_status.
  bool alternative_status = false;
  // Tells whether the caller has gone. May be empty.
  std::function<bool()> cancelled;

  bool IsCancelled() const { return cancelled && cancelled(); }
  absl::Duration TimeLeft() const { return deadline - absl::Now(); }
};

// The parts of a streamed answer, made one at a time as the reader takes them. A stream that waits
// for something to happen does not wait in Next, which would hold a worker, but asks for a pause.
template <class Part>
class Stream {
 public:
  virtual ~Stream() = default;
  // Fills in the next part, which is empty; false when there is none. Called by one worker at a
  // time.
  virtual absl::StatusOr<bool> Next(Part& part) = 0;
  // How long to wait until Next is called again, after the reader has taken the part; asked after
  // each Next. The wait holds no worker. A stream that asks for one has not ended: that Next
  // returned false only means that there is no part yet.
  virtual absl::Duration PauseBeforeNext() const { return absl::ZeroDuration(); }
  // Whether the part that Next has just filled in is known to be the last. It then leaves together
  // with the end of the stream, and Next is not called again.
  virtual bool WasLast() const { return false; }
  // The revision (playlog.revisions.v1) of the caller's data than which the answer is not older;
  // nothing where it is not known. Asked once, after the first Next. The caller gets it before the
  // first part.
  virtual std::optional<std::int64_t> Revision() const { return std::nullopt; }
};

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_CALL_H_
