#ifndef PLAYLOG_COMMON_TESTING_CERTIFICATES_H_
#define PLAYLOG_COMMON_TESTING_CERTIFICATES_H_

#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace playlog::testing {

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
