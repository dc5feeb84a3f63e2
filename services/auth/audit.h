#ifndef PLAYLOG_SERVICES_AUTH_AUDIT_H_
#define PLAYLOG_SERVICES_AUTH_AUDIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/audit_service.pb.h"

namespace playlog::auth {

// Who did what the user itself asked for through the gateway.
inline constexpr std::string_view kByUser = "user";

// Something that was done to a user's account or keys, for the user to see.
struct AuditEvent {
  std::int64_t id = 0;  // Given by the store; greater for later events.
  std::int64_t user_id = 0;
  absl::Time at = absl::InfinitePast();
  v1::AuditAction action = v1::AUDIT_ACTION_UNSPECIFIED;
  // "spotify" or "lastfm"; empty where it is not about a key.
  std::string service_name = "";
  std::string by = "";  // kByUser, or the name of a service of Playlog.
  std::string request_id = "";
};

// Returns the event that a call makes of `action`. It is done by the user where the gateway calls,
// else by the service that calls.
AuditEvent MakeAuditEvent(const rpc::Call& call, absl::Time at, std::int64_t user_id,
                          v1::AuditAction action, std::string_view service_name = "");

// The event as users and staff see it.
void DescribeAuditEvent(const AuditEvent& event, v1::AuditEvent& message);

// Which events of all users to return.
struct AuditQuery {
  std::optional<std::int64_t> user_id = std::nullopt;
  std::optional<v1::AuditAction> action = std::nullopt;
  std::optional<std::int64_t> before = std::nullopt;  // Only those with a smaller id.
  int limit = 0;
};

// The error of writing an event for a user who is gone.
absl::Status AuditedUserGoneError();

// The events of all users. Each user's are kept for kKept, and at most the newest kEventsMax of
// them; the older ones go a few at a time, with later writes. They go with their user. Where an
// event and a change belong together, postgres_audit.h writes it in the change's transaction. Every
// call ends by its deadline, with the errors of common/db/pool.h. Thread-safe.
class Audit {
 public:
  static constexpr absl::Duration kKept = absl::Hours(24 * 90);
  static constexpr int kEventsMax = 10'000;

  virtual ~Audit() = default;

  // Writes an event; `id` is ignored. It is on disk when this returns OK. NOT_FOUND if the user is
  // gone.
  virtual absl::Status Write(absl::Time deadline, const AuditEvent& event) = 0;
  // Returns the newest events of a user, newest first, at most `limit`; only those with an id under
  // `before` if that is given.
  virtual absl::StatusOr<std::vector<AuditEvent>> List(absl::Time deadline, std::int64_t user_id,
                                                       std::optional<std::int64_t> before,
                                                       int limit) = 0;
  // Returns the newest events of all users, newest first.
  virtual absl::StatusOr<std::vector<AuditEvent>> ListAll(absl::Time deadline,
                                                          const AuditQuery& query) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_AUDIT_H_
