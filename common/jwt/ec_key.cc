#include "common/jwt/ec_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "common/base/error.h"
#include "common/base/strings.h"

namespace playlog::jwt {
namespace {

constexpr std::size_t kCoordinateSize = 32;
constexpr std::size_t kPointSize = 1 + 2 * kCoordinateSize;
constexpr std::size_t kKidSize = 16;
constexpr char kCurve[] = "P-256";
constexpr char kCurveLongName[] = "prime256v1";

template <auto function>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

std::shared_ptr<evp_pkey_st> Share(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// OpenSSL asks for a passphrase on the terminal unless it is told that there is none.
int NoPassphrase(char*, int, int, void*) { return -1; }

bool IsOnP256(EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "EC") != 1) return false;
  std::array<char, 32> group{};
  if (EVP_PKEY_get_utf8_string_param(&key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(),
                                     nullptr) != 1) {
    return false;
  }
  return std::string_view(group.data()) == kCurveLongName;
}

// ECDSA in OpenSSL speaks DER; a JWT has r and s side by side.
std::optional<std::string> ToDer(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateSize) return std::nullopt;
  const Signature parts(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(Bytes(signature), kCoordinateSize, nullptr);
  BIGNUM* const s = BN_bin2bn(Bytes(signature) + kCoordinateSize, kCoordinateSize, nullptr);
  if (parts == nullptr || ECDSA_SIG_set0(parts.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return std::nullopt;
  }
  const int size = i2d_ECDSA_SIG(parts.get(), nullptr);
  if (size <= 0) return std::nullopt;
  std::string der(static_cast<std::size_t>(size), '\0');
  unsigned char* out = Bytes(der);
  i2d_ECDSA_SIG(parts.get(), &out);
  return der;
}

std::optional<std::string> FromDer(const std::string& der) {
  const unsigned char* in = Bytes(std::string_view(der));
  const Signature parts(d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(der.size())));
  if (parts == nullptr) return std::nullopt;
  std::string signature(2 * kCoordinateSize, '\0');
  constexpr int size = kCoordinateSize;
  if (BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), Bytes(signature), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), Bytes(signature) + size, size) != size) {
    return std::nullopt;
  }
  return signature;
}

}  // namespace

absl::StatusOr<std::shared_ptr<evp_pkey_st>> MakePublicKey(std::string_view x, std::string_view y) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const std::optional<std::string> first = Base64UrlDecode(x);
  const std::optional<std::string> second = Base64UrlDecode(y);
  if (!first || !second || first->size() != kCoordinateSize || second->size() != kCoordinateSize) {
    return absl::InvalidArgumentError("a public key's coordinate is not 32 bytes in base64url");
  }
  std::string point = "\x04" + *first + *second;
  std::string curve = kCurve;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return absl::InvalidArgumentError("a public key is no point of the curve P-256");
  }
  return Share(key);
}

absl::StatusOr<std::shared_ptr<evp_pkey_st>> ReadPrivateKey(std::string_view pem) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return absl::ResourceExhaustedError("no memory to read a private key");
  std::shared_ptr<evp_pkey_st> key =
      Share(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return absl::FailedPreconditionError("it holds no unencrypted private key in PEM");
  }
  if (!IsOnP256(*key)) {
    return absl::FailedPreconditionError("its private key is not on the elliptic curve P-256");
  }
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (context == nullptr || EVP_PKEY_check(context.get()) != 1) {
    return absl::FailedPreconditionError("its private key does not fit its public key");
  }
  return key;
}

absl::StatusOr<PublicKey> PublicKeyOf(evp_pkey_st& key) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  std::string point(kPointSize, '\0');
  std::size_t size = 0;
  // Points are asked for uncompressed, whatever the PEM file had.
  if (EVP_PKEY_set_utf8_string_param(&key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                     "uncompressed") != 1 ||
      EVP_PKEY_get_octet_string_param(&key, OSSL_PKEY_PARAM_PUB_KEY, Bytes(point), point.size(),
                                      &size) != 1 ||
      size != kPointSize || point[0] != '\x04') {
    return InternalError("a private key without its public point");
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  if (EVP_Digest(point.data(), point.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    return InternalError("SHA-256 failed");
  }
  const std::string_view digest_bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
  return PublicKey{.kid = Base64UrlEncode(digest_bytes).substr(0, kKidSize),
                   .x = Base64UrlEncode(std::string_view(point).substr(1, kCoordinateSize)),
                   .y = Base64UrlEncode(std::string_view(point).substr(1 + kCoordinateSize))};
}

bool VerifyEs256(evp_pkey_st& key, std::string_view text, std::string_view signature) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const std::optional<std::string> der = ToDer(signature);
  const DigestContext context(EVP_MD_CTX_new());
  return der.has_value() && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(std::string_view(*der)), der->size(), Bytes(text),
                          text.size()) == 1;
}

absl::StatusOr<std::string> SignEs256(evp_pkey_st& key, std::string_view text) {
  const absl::Cleanup clear_errors = [] { ERR_clear_error(); };
  const DigestContext context(EVP_MD_CTX_new());
  std::string der(static_cast<std::size_t>(EVP_PKEY_get_size(&key)), '\0');
  std::size_t size = der.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, &key) != 1 ||
      EVP_DigestSign(context.get(), Bytes(der), &size, Bytes(text), text.size()) != 1) {
    return InternalError("signing with ES256 failed");
  }
  der.resize(size);
  const std::optional<std::string> signature = FromDer(der);
  if (!signature.has_value()) return InternalError("ES256 made a malformed signature");
  return *signature;
}

}  // namespace playlog::jwt
