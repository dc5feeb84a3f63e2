#ifndef PLAYLOG_SERVICES_AUTH_KEY_RING_H_
#define PLAYLOG_SERVICES_AUTH_KEY_RING_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/secret.h"

namespace playlog::auth {

// The keys that wrap data keys. One of them, the primary, wraps; the others only unwrap what was
// wrapped before.
//
// To change the primary key, an operator edits the ring's file three times; auth reads it again
// within a second, without a restart, and every edit is a whole new file of mode 0400 or 0600,
// owned by auth's user, that is renamed over the old one. N is the old key's id, M the new one's,
// an id that this ring never had. Wait, for every auth process, on its /metrics:
//   1. add {"id": M, "key": <openssl rand -base64 32>} to "keys"; the primary stays N. Wait for
//      playlog_key_ring_has_key{kek_id="M"} 1. (So no process meets a record that it cannot open.)
//   2. set "primary" to M. Wait for playlog_key_ring_primary M, and then for
//      playlog_sealed_keys{kek_id="N"} 0: auth seals the stored keys anew by itself, 50 at a time,
//      and goes on where it stopped if it is killed.
//   3. remove N from "keys". Wait for playlog_key_ring_has_key{kek_id="N"} 0.
// Through all of it playlog_key_ring_refused stays 0. It is 1 while the file is not the ring in
// use, because it is malformed, lacks a key that stored keys still need, or has another key under
// an id than the one that sealed them; the log then says which in one line, `key_ring_refused`, and
// the ring before stays in use. With such a file auth does not start (exit code 78). A stored key
// that does not open at all keeps playlog_sealed_keys{kek_id="N"} above 0 and is logged as
// `keys_not_resealed`; N stays in the ring until its user has replaced or deleted it. Keep a copy
// of N for as long as backups are kept that were made before.
class KeyRing {
 public:
  // Reads {"primary": 1, "keys": [{"id": 1, "key": "<32 bytes in base64>"}]}. FAILED_PRECONDITION
  // says in one line what is wrong: another shape, no key or over 16, an id outside 1 to 2^32-1 or
  // twice, a key that is not 32 bytes or plainly not random, a primary that is not there.
  static absl::StatusOr<KeyRing> Parse(const Secret& json);

  std::uint32_t primary() const { return primary_; }
  // The ids of all its keys, in order.
  std::vector<std::uint32_t> ids() const;
  // Returns the 32 bytes of the key, or nullptr. Valid as long as the ring.
  const Secret* Find(std::uint32_t id) const;

 private:
  std::uint32_t primary_ = 0;
  std::map<std::uint32_t, Secret> keys_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_RING_H_
