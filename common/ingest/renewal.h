#ifndef PLAYLOG_COMMON_INGEST_RENEWAL_H_
#define PLAYLOG_COMMON_INGEST_RENEWAL_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/ingest/attempts.h"

namespace playlog::ingest {

struct RenewalOptions {
  AttemptsOptions attempts;
  // How long a process has the right to renew a key. If it dies meanwhile, the others wait for as
  // long.
  absl::Duration claim = absl::Seconds(15);
  // From the claim on: how long the source may be asked, and how long what it gave may be saved.
  absl::Duration ask = absl::Seconds(8);
  absl::Duration save = absl::Seconds(14);
  // How long those who find the right taken wait before they look again, times 0.5 to 1.5.
  absl::Duration look_again = absl::Milliseconds(120);
};

// Renews keys that end by themselves. At most one process at a time renews a user's key; the others
// wait and use what it brought. A renewed key is stored before it is used: a source that hands out
// a new refresh token with it takes the old one no more. Thread-safe; calls block.
class Renewer {
 public:
  explicit Renewer(const Tools& tools, RenewalOptions options = {});

  // Returns the user's credential with another key than `ended` has, which this call or another one
  // has renewed. Returns at the deadline at the latest, but for saving what it has been given.
  // Errors are those of Attempts: the profile's rejected_code if the source refuses to renew, which
  // the vault is told; the profile's key_missing_code if the key was deleted meanwhile. Those of
  // the vault and the store pass through.
  absl::StatusOr<Credential> Renew(const rpc::Call& call, std::int64_t user_id,
                                   const Credential& ended, absl::Time deadline);

 private:
  absl::Status Claim(const rpc::Call& call, std::int64_t user_id, const std::string& holder,
                     absl::Time deadline);
  absl::StatusOr<Credential> RenewClaimed(const rpc::Call& call, std::int64_t user_id,
                                          const Credential& ended, absl::Time deadline);
  absl::StatusOr<Credential> Open(const rpc::Call& call, std::int64_t user_id);
  // Nothing if the refresh token is refused.
  absl::StatusOr<std::optional<RenewedKey>> Ask(const rpc::Call& call, std::int64_t user_id,
                                                const Secret& refresh_token, absl::Time deadline);
  absl::StatusOr<Credential> Save(const rpc::Call& call, std::int64_t user_id,
                                  const Credential& old, const Tokens& tokens, absl::Time deadline);

  const Tools tools_;
  const RenewalOptions options_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_RENEWAL_H_
