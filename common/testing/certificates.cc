#include "common/testing/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "common/rpc/credentials.h"

namespace playlog::testing {
namespace {

void Check(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "test certificates: %s failed\n", what);
  std::abort();
}

std::shared_ptr<EVP_PKEY> MakeKey() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  Check(key != nullptr, "EVP_EC_gen");
  return key;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  Check(extension != nullptr, "X509V3_EXT_conf_nid");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> MakeCertificate(const std::string& name, EVP_PKEY* key,
                                      const CertificateContents& contents) {
  static std::atomic<long> serial = 1;
  std::shared_ptr<X509> certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), contents.not_before_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), contents.not_after_s);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void WriteCertificate(const std::string& path, X509* certificate) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  Check(file != nullptr && PEM_write_X509(file, certificate) == 1, path.c_str());
  std::fclose(file);
}

void WriteKey(const std::string& path, EVP_PKEY* key) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  Check(file != nullptr, path.c_str());
  chmod(path.c_str(), 0600);
  Check(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr) == 1, path.c_str());
  std::fclose(file);
  chmod(path.c_str(), 0400);
}

// In the form that OpenSSL's configuration has.
std::string AlternativeNames(const CertificateContents& contents) {
  std::string names;
  if (!contents.dns_name.empty()) names = "DNS:" + contents.dns_name;
  for (const std::string& uri : contents.uris) names += (names.empty() ? "URI:" : ",URI:") + uri;
  return names;
}

}  // namespace

CertificateContents ContentsFor(const std::string& service) {
  return {.dns_name = rpc::DnsNameOf(service), .uris = {"spiffe://playlog/" + service}};
}

TestAuthority::TestAuthority() : key_(MakeKey()) {
  certificate_ = MakeCertificate("Playlog test CA", key_.get(), {});
  X509* certificate = certificate_.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  Check(X509_sign(certificate, key_.get(), EVP_sha256()) > 0, "X509_sign");
}

TestAuthority::~TestAuthority() = default;

std::string TestAuthority::Issue(const std::string& parent, const std::string& service) const {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::string directory = parent + "/" + service;
  // Never written twice: gRPC watches these files and ends the process when it reads half of one.
  if (!std::filesystem::exists(directory)) IssueInto(directory, ContentsFor(service));
  return directory;
}

void TestAuthority::IssueInto(const std::string& directory,
                              const CertificateContents& contents) const {
  Check(std::filesystem::create_directories(directory), directory.c_str());
  const std::shared_ptr<EVP_PKEY> key = MakeKey();
  const std::shared_ptr<X509> certificate = MakeCertificate("Playlog test", key.get(), contents);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  if (const std::string names = AlternativeNames(contents); !names.empty()) {
    AddExtension(certificate.get(), certificate_.get(), NID_subject_alt_name, names);
  }
  AddExtension(certificate.get(), certificate_.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  Check(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0, "X509_sign");
  WriteCertificate(directory + "/ca.pem", certificate_.get());
  WriteCertificate(directory + "/cert.pem", certificate.get());
  WriteKey(directory + "/key.pem", key.get());
}

void WriteEcKey(const std::string& path) { WriteKey(path, MakeKey().get()); }

void WriteSecretFile(const std::string& path, const std::string& contents) {
  std::ofstream(path, std::ios::binary) << contents;
  chmod(path.c_str(), 0400);
}

}  // namespace playlog::testing
