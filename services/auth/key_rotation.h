#ifndef PLAYLOG_SERVICES_AUTH_KEY_ROTATION_H_
#define PLAYLOG_SERVICES_AUTH_KEY_ROTATION_H_

#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/wake_signal.h"
#include "services/auth/credential_store.h"
#include "services/auth/vault.h"

namespace playlog::auth {

// FAILED_PRECONDITION, in one line for people, if the ring lacks a key that stored keys need, or
// has another key under its id than the one that sealed them. The errors of the store while that
// cannot be found out.
absl::Status CheckKeyRing(CredentialStore& store, const KeyRing& ring, absl::Time deadline);

// Keeps the vault's ring as its file says, while the process runs, and seals stored keys anew until
// the primary key has sealed all of them; key_ring.h says what an operator sees of it. Everything
// that it has done is in the database, so it may be killed anywhere, and several processes may do
// it at once.
class KeyRotation {
 public:
  static constexpr absl::Duration kBetweenRounds = absl::Seconds(1);
  // How many keys are sealed anew in one transaction, and the pause after each, which leaves the
  // database to those who wait for an answer.
  static constexpr int kBatch = 50;
  static constexpr absl::Duration kPause = absl::Milliseconds(10);

  // `vault` has the ring of the file at `ring_path`. All outlive this object.
  KeyRotation(std::string ring_path, Vault& vault, CredentialStore& store, Clock& clock);
  ~KeyRotation();
  KeyRotation(const KeyRotation&) = delete;
  KeyRotation& operator=(const KeyRotation&) = delete;

  // CheckKeyRing of the vault's ring, with the file's name in the error. Waits for the database
  // until `deadline`.
  absl::Status CheckAtStart(absl::Time deadline);

  // Starts rounds in a thread of its own, until this object is destroyed.
  void Start();

  // One round: reads the file if it changed, seals anew what another key than the primary has
  // sealed, and sets the metrics. For one thread.
  void Round();

 private:
  // Reads the file and puts its ring in the vault's, unless it is there already or refused.
  void ReadRing();
  // Says once what is wrong with the file.
  void Refuse(std::string_view what);
  // Seals anew all that the key `kek_id` has sealed, once through.
  void ResealAllOf(std::uint32_t kek_id);
  void ShowRing();
  void ShowCounts();

  const std::string ring_path_;
  Vault& vault_;
  CredentialStore& store_;
  Clock& clock_;
  // SHA-256 of the file whose ring is in use; empty before the first round.
  std::string digest_in_use_;
  std::string refusal_;
  absl::Time read_at_ = absl::InfinitePast();
  absl::Time counted_at_ = absl::InfinitePast();
  // When keys that did not open are tried again.
  absl::Time retry_at_ = absl::InfinitePast();
  // The keys of the ring that the metrics show.
  std::set<std::uint32_t> shown_;
  WakeSignal stop_;
  std::thread thread_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_ROTATION_H_
