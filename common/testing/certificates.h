#ifndef PLAYLOG_COMMON_TESTING_CERTIFICATES_H_
#define PLAYLOG_COMMON_TESTING_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace playlog::testing {

// What a certificate says.
struct CertificateContents {
  // The DNS name by which clients check a server; empty for none.
  std::string dns_name = "";
  // The URIs by which servers know a client, such as `spiffe://playlog/auth`.
  std::vector<std::string> uris = {};
  // When it is good, in seconds from now.
  long not_before_s = -60;
  long not_after_s = 24 * 3600;
};

// What deploy/up writes into a service's certificate.
CertificateContents ContentsFor(const std::string& service);

// A private certificate authority of its own, which makes the directories that --tls_directory
// takes.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();

  // Writes ca.pem, cert.pem and key.pem for a service into a new directory below `parent`, with the
  // same names in the certificate as deploy/up gives; returns the directory, which is left as it is
  // if it is there already.
  std::string Issue(const std::string& parent, const std::string& service) const;

  // Writes the three files with a certificate that says whatever is wanted into a directory, which
  // must not be there yet.
  void IssueInto(const std::string& directory, const CertificateContents& contents) const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

// Writes a new EC private key on P-256 as PEM with the rights 0400, as --token_key_file takes it.
void WriteEcKey(const std::string& path);

// Writes a file with the rights 0400.
void WriteSecretFile(const std::string& path, const std::string& contents);

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_CERTIFICATES_H_
