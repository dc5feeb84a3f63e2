#include "services/auth/vault.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "common/base/crypto.h"
#include "common/base/error.h"

namespace playlog::auth {
namespace {

constexpr char kFormat = '\x01';
constexpr char kAlgorithm = '\x01';
constexpr std::size_t kHeaderSize = 2;
constexpr std::size_t kKekIdSize = 4;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kWrappedKeySize = kKeySize + kTagSize;
constexpr std::string_view kPurpose = "playlog.cred.v1";

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

template <class Integer>
std::string BigEndian(Integer value) {
  std::string bytes(sizeof(value), '\0');
  for (std::size_t i = bytes.size(); i-- > 0; value = static_cast<Integer>(value >> 8)) {
    bytes[i] = static_cast<char>(value & 0xFF);
  }
  return bytes;
}

std::uint32_t ReadKekId(std::string_view bytes) {
  std::uint32_t id = 0;
  for (const char byte : bytes) id = id << 8 | static_cast<unsigned char>(byte);
  return id;
}

// Joins parts with their lengths before them: without these, "1" | "23" and "12" | "3" would be
// one.
std::string AssociatedData(const RecordContext& context, std::uint32_t kek_id) {
  std::string joined;
  const auto append = [&joined](std::string_view part) {
    joined += BigEndian(static_cast<std::uint32_t>(part.size()));
    joined += part;
  };
  append(kPurpose);
  append(BigEndian(static_cast<std::uint64_t>(context.user_id)));
  append(context.service_name);
  append(BigEndian(static_cast<std::uint64_t>(context.row_id)));
  append(BigEndian(kek_id));
  append(BigEndian(static_cast<std::uint64_t>(context.version)));
  return joined;
}

// Encrypts with a fresh nonce: nonce | ciphertext | tag. Nothing is returned if OpenSSL fails.
std::optional<std::string> Encrypt(const EVP_CIPHER& cipher, std::string_view key,
                                   std::string_view associated, std::string_view plaintext) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string sealed = RandomBytes(kNonceSize);
  sealed.resize(kNonceSize + plaintext.size() + kTagSize);
  unsigned char* const out = Bytes(sealed) + kNonceSize;
  int size = 0;
  if (context == nullptr ||
      EVP_EncryptInit_ex2(context.get(), &cipher, Bytes(key), Bytes(sealed), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(associated),
                        static_cast<int>(associated.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), out, &size, Bytes(plaintext),
                        static_cast<int>(plaintext.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), out + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, out + plaintext.size()) !=
          1) {
    return std::nullopt;
  }
  return sealed;
}

// Decrypts nonce | ciphertext | tag, which has at least kNonceSize + kTagSize bytes. The tag always
// has kTagSize bytes: OpenSSL itself would take a shorter one. OpenSSL also writes the plaintext
// before it checks the tag, so the buffer is wiped unless the check holds.
std::optional<Secret> Decrypt(const EVP_CIPHER& cipher, std::string_view key,
                              std::string_view associated, std::string_view sealed) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const std::string_view nonce = sealed.substr(0, kNonceSize);
  const std::size_t size = sealed.size() - kNonceSize - kTagSize;
  const std::string_view ciphertext = sealed.substr(kNonceSize, size);
  std::string tag(sealed.substr(kNonceSize + size));
  std::string scratch(size, '\0');
  absl::Cleanup cleanse = [&scratch] { OPENSSL_cleanse(scratch.data(), scratch.size()); };
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  unsigned char end[kTagSize];
  if (context == nullptr ||
      EVP_DecryptInit_ex2(context.get(), &cipher, Bytes(key), Bytes(nonce), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &written, Bytes(associated),
                        static_cast<int>(associated.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), Bytes(scratch), &written, Bytes(ciphertext),
                        static_cast<int>(size)) != 1 ||
      EVP_DecryptFinal_ex(context.get(), end, &written) != 1) {
    return std::nullopt;
  }
  std::move(cleanse).Cancel();
  // A Secret's move wipes what it moved from; a copy of the string here would stay behind.
  return Secret(std::move(scratch));
}

// One error for all faults: which of them it was would help nobody but an attacker.
absl::Status SealBrokenError() { return InternalError("a sealed key does not open"); }

}  // namespace

Vault::Vault(KeyRing ring)
    : ring_(std::make_shared<const KeyRing>(std::move(ring))),
      cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr), EVP_CIPHER_free) {
  if (cipher_ == nullptr) std::abort();
}

std::shared_ptr<const KeyRing> Vault::ring() const {
  const absl::MutexLock lock(&mutex_);
  return ring_;
}

void Vault::SetRing(KeyRing ring) {
  auto next = std::make_shared<const KeyRing>(std::move(ring));
  const absl::MutexLock lock(&mutex_);
  ring_ = std::move(next);
}

absl::StatusOr<SealedRecord> Vault::Seal(const RecordContext& context,
                                         const Secret& plaintext) const {
  if (plaintext.empty() || plaintext.Reveal().size() > kPlaintextBytesMax) {
    return InternalError("a key to seal that is empty or too long");
  }
  const std::shared_ptr<const KeyRing> ring = this->ring();
  const std::uint32_t kek_id = ring->primary();
  const std::string associated = AssociatedData(context, kek_id);
  const Secret data_key(RandomBytes(kKeySize));
  const std::optional<std::string> wrapped =
      Encrypt(*cipher_, ring->Find(kek_id)->Reveal(), associated, data_key.Reveal());
  const std::optional<std::string> sealed =
      Encrypt(*cipher_, data_key.Reveal(), associated, plaintext.Reveal());
  if (!wrapped.has_value() || !sealed.has_value()) return InternalError("sealing a key failed");
  SealedRecord record{.blob = {kFormat, kAlgorithm}, .kek_id = kek_id};
  record.blob += BigEndian(kek_id) + *wrapped + *sealed;
  return record;
}

absl::StatusOr<Secret> Vault::Open(const RecordContext& context, std::string_view blob) const {
  if (blob.size() <= kOverheadBytes || blob.size() > kOverheadBytes + kPlaintextBytesMax) {
    return SealBrokenError();
  }
  if (blob[0] != kFormat || blob[1] != kAlgorithm) return SealBrokenError();
  const std::uint32_t kek_id = ReadKekId(blob.substr(kHeaderSize, kKekIdSize));
  const std::shared_ptr<const KeyRing> ring = this->ring();
  const Secret* const kek = ring->Find(kek_id);
  if (kek == nullptr) return SealBrokenError();
  const std::string associated = AssociatedData(context, kek_id);
  const std::string_view layers = blob.substr(kHeaderSize + kKekIdSize);
  const std::optional<Secret> data_key =
      Decrypt(*cipher_, kek->Reveal(), associated, layers.substr(0, kNonceSize + kWrappedKeySize));
  if (!data_key.has_value()) return SealBrokenError();
  std::optional<Secret> plaintext = Decrypt(*cipher_, data_key->Reveal(), associated,
                                            layers.substr(kNonceSize + kWrappedKeySize));
  if (!plaintext.has_value()) return SealBrokenError();
  return *std::move(plaintext);
}

}  // namespace playlog::auth
