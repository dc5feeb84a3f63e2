#include "common/base/crypto.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdlib>

namespace playlog {

std::string RandomBytes(std::size_t size) {
  std::string bytes(size, '\0');
  auto* const data = reinterpret_cast<unsigned char*>(bytes.data());
  if (RAND_bytes(data, static_cast<int>(size)) != 1) std::abort();
  return bytes;
}

std::string Sha256(std::string_view bytes) {
  // Looked up once: EVP_sha256() would be looked up by its name at every use, which for short texts
  // takes longer than the hash itself.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  auto* const data = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_Digest(bytes.data(), bytes.size(), data, nullptr, sha256, nullptr) != 1) {
    std::abort();
  }
  return digest;
}

}  // namespace playlog
