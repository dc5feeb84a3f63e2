// What the client demands of a TLS server, shown on servers that it must not talk to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/http/curl_client.h"
#include "common/http/raw_server.h"
#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"

namespace playlog::http {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::RawConnection;
using ::playlog::testing::RawServer;
using ::testing::HasSubstr;
using ::testing::Not;

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
};

struct Wanted {
  std::string subject_alternative_name;  // None for an authority.
  long not_before_s = -3600;
  long not_after_s = 3600;
};

void AddExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Makes an identity signed by `issuer`, or by itself.
Identity MakeIdentity(const std::string& name, const Wanted& wanted, const Identity* issuer) {
  static long serial = 1;
  Identity made{{EVP_EC_gen("P-256"), EVP_PKEY_free}, {X509_new(), X509_free}};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.not_before_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.not_after_s);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const Identity& signer = issuer == nullptr ? made : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  X509_set_pubkey(certificate, made.key.get());
  if (wanted.subject_alternative_name.empty()) {
    AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    AddExtension(certificate, NID_subject_alt_name, wanted.subject_alternative_name);
  }
  X509_sign(certificate, signer.key.get(), EVP_sha256());
  return made;
}

// What an authority's list of revoked certificates says.
struct Revoked {
  std::vector<const Identity*> identities;
  long next_update_s = 3600;  // From now; in the past: the list is out of date.
};

// Writes the list of an authority as PEM to the end of a file.
void AppendRevocations(const std::string& path, const Identity& authority, const Revoked& revoked) {
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(authority.certificate.get()));
  X509_CRL_set1_lastUpdate(list.get(), X509_gmtime_adj(time.get(), -7200));
  for (const Identity* const identity : revoked.identities) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(identity->certificate.get()));
    X509_REVOKED_set_revocationDate(entry, time.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  X509_CRL_set1_nextUpdate(list.get(), X509_gmtime_adj(time.get(), revoked.next_update_s));
  X509_CRL_sign(list.get(), authority.key.get(), EVP_sha256());
  std::FILE* const file = std::fopen(path.c_str(), "a");
  PEM_write_X509_CRL(file, list.get());
  std::fclose(file);
}

// An HTTPS server that keeps what clients send it, decrypted.
class TlsServer {
 public:
  TlsServer(const Identity& identity, int max_version)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        server_([this](RawConnection& connection) { Serve(connection); }) {
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    // Security level 0, for this server must be able to offer what the client refuses.
    SSL_CTX_set_cipher_list(context_.get(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
  }
  std::string Url() const { return server_.Url("/", "https"); }
  std::string received() {
    const absl::MutexLock lock(&mutex_);
    return received_;
  }

 private:
  void Serve(RawConnection& connection) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(session.get(), connection.descriptor());
    if (SSL_accept(session.get()) != 1) return;
    char buffer[4096];
    const int bytes = SSL_read(session.get(), buffer, sizeof(buffer));
    if (bytes <= 0) return;
    {
      const absl::MutexLock lock(&mutex_);
      received_.append(buffer, static_cast<std::size_t>(bytes));
    }
    constexpr char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    SSL_write(session.get(), kAnswer, sizeof(kAnswer) - 1);
    SSL_shutdown(session.get());
  }

  const std::shared_ptr<SSL_CTX> context_;
  absl::Mutex mutex_;
  std::string received_;
  RawServer server_;
};

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    ca_file_ = directory_.path() + "/ca.pem";
    std::FILE* file = std::fopen(ca_file_.c_str(), "w");
    PEM_write_X509(file, authority_.certificate.get());
    std::fclose(file);
  }
  absl::StatusOr<Response> Ask(TlsServer& server) {
    CurlClient client({.ca_file = ca_file_, .crl_file = crl_file_});
    return AskWith(client, server);
  }
  static absl::StatusOr<Response> AskWith(CurlClient& client, TlsServer& server) {
    Request request{.url = server.Url(), .headers = {{"Authorization", "Bearer secret"}}};
    request.deadline = absl::Now() + absl::Seconds(5);
    return client.Get(request);
  }
  void ExpectRefused(const Identity& identity, int max_version = TLS1_3_VERSION) {
    TlsServer server(identity, max_version);
    const absl::StatusOr<Response> response = Ask(server);
    ASSERT_THAT(response, Not(IsOk()));
    EXPECT_EQ(FailureOf(response.status()), Failure::kTls);
    EXPECT_EQ(server.received(), "");
  }

  const playlog::testing::TemporaryDirectory directory_;
  const Identity authority_ = MakeIdentity("authority", {}, nullptr);
  std::string ca_file_;
  std::string crl_file_;  // "": none.
};

TEST_F(TlsTest, TalksToAServerOfATrustedAuthority) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsServer server(MakeIdentity("good", {"IP:127.0.0.1"}, &authority_), version);
    EXPECT_THAT(Ask(server), IsOk());
    EXPECT_THAT(server.received(), HasSubstr("Authorization: Bearer secret"));
  }
}

TEST_F(TlsTest, SendsNothingToASelfSignedServer) {
  ExpectRefused(MakeIdentity("self", {"IP:127.0.0.1"}, nullptr));
}

TEST_F(TlsTest, SendsNothingToAServerOfAnotherAuthority) {
  const Identity other = MakeIdentity("authority", {}, nullptr);
  ExpectRefused(MakeIdentity("server", {"IP:127.0.0.1"}, &other));
}

TEST_F(TlsTest, SendsNothingToAnExpiredServer) {
  ExpectRefused(MakeIdentity("old", {"IP:127.0.0.1", -7200, -3600}, &authority_));
  ExpectRefused(MakeIdentity("early", {"IP:127.0.0.1", 3600, 7200}, &authority_));
}

TEST_F(TlsTest, SendsNothingToAServerOfAnotherName) {
  ExpectRefused(MakeIdentity("127.0.0.1", {"DNS:api.spotify.com"}, &authority_));
  ExpectRefused(MakeIdentity("127.0.0.1", {"IP:127.0.0.2"}, &authority_));
}

TEST_F(TlsTest, SendsNothingOverOldVersions) {
  const Identity good = MakeIdentity("good", {"IP:127.0.0.1"}, &authority_);
  ExpectRefused(good, TLS1_VERSION);
  ExpectRefused(good, TLS1_1_VERSION);
}

TEST_F(TlsTest, SendsNothingToARevokedServer) {
  crl_file_ = directory_.path() + "/crl.pem";
  const Identity good = MakeIdentity("good", {"IP:127.0.0.1"}, &authority_);
  const Identity stolen = MakeIdentity("stolen", {"IP:127.0.0.1"}, &authority_);
  AppendRevocations(crl_file_, authority_, {.identities = {&stolen}});
  EXPECT_THAT(CheckCrlFile(crl_file_), IsOk());
  ExpectRefused(stolen);
  TlsServer server(good, TLS1_3_VERSION);
  EXPECT_THAT(Ask(server), IsOk());
  EXPECT_THAT(server.received(), HasSubstr("Authorization: Bearer secret"));
}

TEST_F(TlsTest, SendsNothingWhereItCannotKnowWhatIsRevoked) {
  crl_file_ = directory_.path() + "/crl.pem";
  const Identity good = MakeIdentity("good", {"IP:127.0.0.1"}, &authority_);
  const Identity other = MakeIdentity("other authority", {}, nullptr);
  AppendRevocations(crl_file_, other, {});
  ExpectRefused(good);
  crl_file_ = directory_.path() + "/old.pem";
  AppendRevocations(crl_file_, authority_, {.identities = {}, .next_update_s = -3600});
  ExpectRefused(good);
  crl_file_ = directory_.path() + "/none.pem";
  ExpectRefused(good);
}

TEST_F(TlsTest, ANewListIsTakenUpByTheNextConnection) {
  crl_file_ = directory_.path() + "/crl.pem";
  const Identity stolen = MakeIdentity("stolen", {"IP:127.0.0.1"}, &authority_);
  AppendRevocations(crl_file_, authority_, {});
  CurlClient client({.ca_file = ca_file_, .crl_file = crl_file_});
  TlsServer server(stolen, TLS1_3_VERSION);
  EXPECT_THAT(AskWith(client, server), IsOk());
  const std::string before = server.received();
  std::remove(crl_file_.c_str());
  AppendRevocations(crl_file_, authority_, {.identities = {&stolen}});
  EXPECT_EQ(FailureOf(AskWith(client, server).status()), Failure::kTls);
  EXPECT_EQ(server.received(), before);
}

TEST_F(TlsTest, AFileWithoutAListIsNoListOfRevocations) {
  EXPECT_THAT(CheckCrlFile(directory_.path() + "/none.pem"), Not(IsOk()));
  EXPECT_THAT(CheckCrlFile(ca_file_), Not(IsOk()));
}

TEST_F(TlsTest, SendsNothingToAServerThatSpeaksNoTls) {
  RawServer server([](RawConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    connection.Hang();
  });
  CurlClient client({.ca_file = ca_file_});
  Request request{.url = server.Url("/", "https")};
  request.deadline = absl::Now() + absl::Seconds(5);
  const absl::StatusOr<Response> response = client.Get(request);
  ASSERT_THAT(response, Not(IsOk()));
  EXPECT_EQ(FailureOf(response.status()), Failure::kTls);
}

}  // namespace
}  // namespace playlog::http
