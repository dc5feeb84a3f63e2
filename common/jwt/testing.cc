#include "common/jwt/testing.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstddef>

namespace playlog::jwt {

std::string NewPrivateKeyPem(const std::string& curve) {
  EVP_PKEY* const key = EVP_EC_gen(curve.c_str());
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

SigningKey NewSigningKey() { return *SigningKey::FromPem(NewPrivateKeyPem()); }

}  // namespace playlog::jwt
