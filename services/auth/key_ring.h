#ifndef PLAYLOG_SERVICES_AUTH_KEY_RING_H_
#define PLAYLOG_SERVICES_AUTH_KEY_RING_H_

#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "common/base/secret.h"

namespace playlog::auth {

// The keys that wrap data keys. One of them, the primary, wraps; the others only unwrap what was
// wrapped before.
class KeyRing {
 public:
  // Reads {"primary": 1, "keys": [{"id": 1, "key": "<32 bytes in base64>"}]}. FAILED_PRECONDITION
  // says in one line what is wrong: another shape, no key or over 16, an id outside 1 to 2^32-1 or
  // twice, a key that is not 32 bytes or plainly not random, a primary that is not there.
  static absl::StatusOr<KeyRing> Parse(const Secret& json);

  std::uint32_t primary() const { return primary_; }
  // Returns the 32 bytes of the key, or nullptr. Valid as long as the ring.
  const Secret* Find(std::uint32_t id) const;

 private:
  std::uint32_t primary_ = 0;
  std::map<std::uint32_t, Secret> keys_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_KEY_RING_H_
