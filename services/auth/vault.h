#ifndef PLAYLOG_SERVICES_AUTH_VAULT_H_
#define PLAYLOG_SERVICES_AUTH_VAULT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/secret.h"
#include "services/auth/key_ring.h"

// OpenSSL's EVP_CIPHER, whose headers stay out of ours.
struct evp_cipher_st;

namespace playlog::auth {

// What a sealed record belongs to. It is sealed with it: a record that is moved to another user,
// service or row, or put back in an older version, does not open.
struct RecordContext {
  std::int64_t user_id = 0;
  std::string_view service_name;  // "spotify" or "lastfm"
  std::int64_t row_id = 0;
  std::int64_t version = 0;
};

// A sealed record and the key of the ring that it needs.
struct SealedRecord {
  std::string blob;
  std::uint32_t kek_id = 0;
};

// Seals secrets with AES-256-GCM under a data key of their own, which is sealed in turn under the
// ring's primary key. A blob is, numbers in big-endian order:
//   0x01 format | 0x01 algorithm | key id, 4 bytes | nonce 12 | data key 32 + tag 16 |
//   nonce 12 | ciphertext | tag 16
// The data key and both nonces are fresh and random for every record and version. Both layers
// authenticate the parts "playlog.cred.v1", user, service, row, key id and version, each with its
// length before it. Thread-safe.
class Vault {
 public:
  // The bytes that a blob adds to what it seals.
  static constexpr std::size_t kOverheadBytes = 2 + 4 + 12 + 32 + 16 + 12 + 16;
  static constexpr std::size_t kPlaintextBytesMax = 64 * 1024;

  explicit Vault(KeyRing ring);

  // The ring in use. It stays as it is while another takes its place.
  std::shared_ptr<const KeyRing> ring() const;
  // Puts another ring in its place. Records that only the old one opens are lost to this vault, so
  // that is checked before (key_rotation.h).
  void SetRing(KeyRing ring);

  // Seals 1 to kPlaintextBytesMax bytes.
  absl::StatusOr<SealedRecord> Seal(const RecordContext& context, const Secret& plaintext) const;

  // Opens a blob. Whatever is wrong with it, the error is the same INTERNAL, and nothing that was
  // decrypted leaves this function before its tag was found good.
  absl::StatusOr<Secret> Open(const RecordContext& context, std::string_view blob) const;

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const KeyRing> ring_ ABSL_GUARDED_BY(mutex_);
  // Fetched once: the implicit fetch of each operation takes a lock of the whole process.
  std::shared_ptr<evp_cipher_st> cipher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_VAULT_H_
