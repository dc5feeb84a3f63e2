#include "common/rpc/credentials.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/secret.h"
#include "common/base/status_macros.h"

namespace playlog::rpc {
namespace {

constexpr std::string_view kSpiffePrefix = "spiffe://playlog/";
// How often the files are looked at, in seconds.
constexpr unsigned kRefreshSeconds = 1;

using X509Pointer = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using FilePointer = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

absl::StatusOr<X509Pointer> ReadCertificate(const std::string& path) {
  const FilePointer file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (file == nullptr) return absl::FailedPreconditionError(absl::StrCat("cannot open ", path));
  X509Pointer certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr), &X509_free);
  ERR_clear_error();
  if (certificate == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(path, " holds no PEM certificate"));
  }
  return certificate;
}

absl::StatusOr<KeyPointer> ReadKey(const std::string& path) {
  PLAYLOG_ASSIGN_OR_RETURN(const Secret pem, ReadSecretFile(path));
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.Reveal().size())), &BIO_free);
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(path, " holds no PEM private key"));
  }
  return key;
}

std::shared_ptr<grpc::experimental::FileWatcherCertificateProvider> Watch(
    const std::string& directory) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      absl::StrCat(directory, "/key.pem"), absl::StrCat(directory, "/cert.pem"),
      absl::StrCat(directory, "/ca.pem"), kRefreshSeconds);
}

}  // namespace

absl::Status CheckTlsDirectory(const std::string& directory) {
  PLAYLOG_RETURN_IF_ERROR(ReadCertificate(absl::StrCat(directory, "/ca.pem")).status());
  PLAYLOG_ASSIGN_OR_RETURN(const X509Pointer certificate,
                           ReadCertificate(absl::StrCat(directory, "/cert.pem")));
  PLAYLOG_ASSIGN_OR_RETURN(const KeyPointer key, ReadKey(absl::StrCat(directory, "/key.pem")));
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    return absl::FailedPreconditionError(
        absl::StrCat("the key in ", directory, " does not fit its certificate"));
  }
  return absl::OkStatus();
}

void KeepOpenSslToTheEnd() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const std::string& directory) {
  grpc::experimental::TlsServerCredentialsOptions options(Watch(directory));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const std::string& directory) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(directory));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_check_call_host(true);
  return grpc::experimental::TlsCredentials(options);
}

std::string PeerService(const grpc::AuthContext& context) {
  if (!context.IsPeerAuthenticated()) return "";
  std::string service;
  for (const grpc::string_ref& value :
       context.FindPropertyValues("x509_subject_alternative_name")) {
    const std::string_view name(value.data(), value.size());
    if (!name.starts_with(kSpiffePrefix)) continue;
    // Two identities in one certificate are none.
    if (!service.empty()) return "";
    service = std::string(name.substr(kSpiffePrefix.size()));
  }
  return service;
}

std::string DnsNameOf(std::string_view service) {
  std::string name(service);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace playlog::rpc
