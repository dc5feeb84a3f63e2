// Who is let in between the processes, by certificate: a peer whose certificate is expired, of
// another authority or of another name is refused in both directions, and new certificates are
// taken up while the processes run.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/server.h"
#include "common/testing/matchers.h"
#include "playlog/auth/v1/key_vault_service.grpc.pb.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::playlog::testing::CertificateContents;
using ::playlog::testing::ErrorIs;
using ::playlog::testing::TestAuthority;
using ::testing::AnyOf;

constexpr absl::Duration kTakeUpTime = absl::Seconds(60);
constexpr absl::Duration kLongerThanAPause = absl::Seconds(3);
constexpr int kHour = 3600;

// In the song store's place: remembers who called.
class Impostor final : public songs::v1::SongStoreService::CallbackService {
 public:
  grpc::ServerWriteReactor<songs::v1::GetStoredSongsResponse>* GetStoredSongs(
      grpc::CallbackServerContext* context, const songs::v1::GetStoredSongsRequest*) override {
    std::string certificate;
    for (const grpc::string_ref& pem :
         context->auth_context()->FindPropertyValues("x509_pem_cert")) {
      certificate.assign(pem.data(), pem.size());
    }
    const std::lock_guard lock(mutex_);
    ++calls_;
    certificate_ = certificate;
    return new Refusal;
  }

  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  // The last caller's certificate, as PEM.
  std::string certificate() const {
    const std::lock_guard lock(mutex_);
    return certificate_;
  }

 private:
  class Refusal final : public grpc::ServerWriteReactor<songs::v1::GetStoredSongsResponse> {
   public:
    Refusal() { Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "")); }
    void OnDone() override { delete this; }
  };

  mutable std::mutex mutex_;
  int calls_ = 0;
  std::string certificate_;
};

// The certificate that a server shows at a Unix socket to whoever comes with one of the operator's,
// as PEM; "" if there is no handshake.
std::string ServedCertificate(const std::string& path, const std::string& tls_directory) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_use_certificate_file(context.get(), (tls_directory + "/cert.pem").c_str(),
                               SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(context.get(), (tls_directory + "/key.pem").c_str(),
                              SSL_FILETYPE_PEM);
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context.get(), kHttp2, sizeof(kHttp2));
  const int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  const timeval patience{5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string pem;
  if (connect(connection, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> session(SSL_new(context.get()), SSL_free);
    SSL_set_fd(session.get(), connection);
    SSL_connect(session.get());
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(session.get()), X509_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), BIO_free);
    if (certificate != nullptr) PEM_write_bio_X509(text.get(), certificate.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    pem.assign(data, static_cast<std::size_t>(size));
  }
  close(connection);
  return pem;
}

class CertificatesTest : public EndToEndTest {
 protected:
  // A directory with a certificate of an authority; each has a place of its own.
  static std::string Issue(const TestAuthority& authority, const CertificateContents& contents) {
    static int count = 0;
    std::string directory = absl::StrCat(stack().directory(), "/odd_tls/", ++count);
    authority.IssueInto(directory, contents);
    return directory;
  }
  static CertificateContents Lasting(CertificateContents contents, long not_before_s,
                                     long not_after_s) {
    contents.not_before_s = not_before_s;
    contents.not_after_s = not_after_s;
    return contents;
  }
  static std::string CertificateOf(const std::string& service) {
    return ReadFile(stack().TlsDirectoryOf(service) + "/cert.pem");
  }

  // Asks auth for a key as the holder of a certificate would.
  static absl::Status OpenKeyWith(const std::string& tls_directory) {
    const auto stub = auth::v1::KeyVaultService::NewStub(
        rpc::Connect("auth", "unix:" + stack().SocketOf("auth"), tls_directory));
    auth::v1::OpenKeyRequest request;
    request.set_user_id(1'000'000);
    request.set_service_name(songs::v1::SOURCE_SPOTIFY);
    // A peer that is refused shows only as one that cannot be reached.
    return rpc::Invoke(*stub, &auth::v1::KeyVaultService::Stub::OpenKey, rpc::Call{}, request,
                       absl::Seconds(5))
        .status();
  }

  static std::unique_ptr<rpc::Server> ServeAsSongStore(const std::string& tls_directory,
                                                       Impostor& impostor) {
    auto server = rpc::Server::Start(
        {"unix:" + stack().SocketOf("song_store"), tls_directory, false}, {&impostor});
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }

  const TestAuthority stranger_;
};

TEST_F(CertificatesTest, AServiceRefusesAClientWithABadCertificate) {
  const TestAuthority& ours = stack().authority();
  const CertificateContents good = testing::ContentsFor("spotify_ingest");
  // A user without a key is what a good certificate finds out.
  EXPECT_EQ(OpenKeyWith(Issue(ours, good)).code(), absl::StatusCode::kNotFound);
  const std::map<std::string, std::string> refused_at_the_door = {
      {"expired", Issue(ours, Lasting(good, -2 * kHour, -kHour))},
      {"not yet good", Issue(ours, Lasting(good, kHour, 2 * kHour))},
      {"of another authority", Issue(stranger_, good)}};
  for (const auto& [what, directory] : refused_at_the_door) {
    EXPECT_THAT(OpenKeyWith(directory).code(),
                AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded))
        << what;
  }
  const std::map<std::string, CertificateContents> not_named = {
      {"another service", testing::ContentsFor("lastfm_ingest")},
      {"the gateway", testing::ContentsFor("gateway")},
      {"nobody", {.dns_name = "spotify-ingest"}},
      {"of another domain",
       {.dns_name = "spotify-ingest", .uris = {"spiffe://elsewhere/spotify_ingest"}}},
      {"a longer name",
       {.dns_name = "spotify-ingest", .uris = {"spiffe://playlog/spotify_ingest/x"}}},
      {"two names",
       {.dns_name = "spotify-ingest",
        .uris = {"spiffe://playlog/gateway", "spiffe://playlog/spotify_ingest"}}}};
  for (const auto& [what, contents] : not_named) {
    EXPECT_THAT(OpenKeyWith(Issue(ours, contents)),
                ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED))
        << what;
  }
}

TEST_F(CertificatesTest, AServiceTellsNothingToAServerWithABadCertificate) {
  const TestAuthority& ours = stack().authority();
  const CertificateContents good = testing::ContentsFor("song_store");
  const User user = api().NewUser();
  EXPECT_EQ(stack().End("song_store", SIGTERM), 0);
  const std::map<std::string, std::string> bad = {
      {"expired", Issue(ours, Lasting(good, -2 * kHour, -kHour))},
      {"not yet good", Issue(ours, Lasting(good, kHour, 2 * kHour))},
      {"of another authority", Issue(stranger_, good)},
      {"another service's", Issue(ours, testing::ContentsFor("auth"))},
      {"without a name", Issue(ours, {.uris = {"spiffe://playlog/song_store"}})}};
  for (const auto& [what, directory] : bad) {
    SCOPED_TRACE(what);
    Impostor impostor;
    const auto server = ServeAsSongStore(directory, impostor);
    // Longer than the gateway pauses before it tries again to connect.
    for (const absl::Time end = absl::Now() + kLongerThanAPause; absl::Now() < end;) {
      EXPECT_EQ(api().StoredSongs(user).status, 503);
      absl::SleepFor(absl::Milliseconds(100));
    }
    EXPECT_EQ(impostor.calls(), 0) << "it was told the user's token";
  }
  {
    Impostor impostor;
    const auto server = ServeAsSongStore(Issue(ours, good), impostor);
    EXPECT_TRUE(Await(kTakeUpTime, [&] {
      api().StoredSongs(user);
      return impostor.calls() > 0;
    })) << "not even a good certificate was believed";
  }
  stack().Restart("song_store");
  EXPECT_TRUE(stack().AwaitReady(kTakeUpTime));
}

TEST_F(CertificatesTest, NewCertificatesAreTakenUpWhileCallsGoOn) {
  const User user = api().NewUser();
  std::atomic<bool> stop = false;
  std::atomic<int> good = 0;
  std::atomic<int> failed = 0;
  std::thread reader([&] {
    while (!stop) ++(api().StoredSongs(user).status == 200 ? good : failed);
  });
  for (const std::string& service : Stack::Services()) stack().RotateCertificate(service);
  for (const std::string& service : Stack::Services()) {
    if (service == "gateway") continue;
    EXPECT_TRUE(Await(
        kTakeUpTime,
        [&] {
          return ServedCertificate(stack().SocketOf(service), stack().TlsDirectoryOf("operator")) ==
                 CertificateOf(service);
        },
        absl::Milliseconds(100)))
        << service;
  }
  stop = true;
  reader.join();
  EXPECT_GT(good, 0);
  EXPECT_EQ(failed, 0);
}

TEST_F(CertificatesTest, ANewConnectionShowsTheCallersNewCertificate) {
  const User user = api().NewUser();
  EXPECT_EQ(stack().End("song_store", SIGTERM), 0);
  stack().RotateCertificate("gateway");
  const std::string wanted = CertificateOf("gateway");
  EXPECT_TRUE(Await(kTakeUpTime, [&] {
    Impostor impostor;
    const auto server = ServeAsSongStore(stack().TlsDirectoryOf("song_store"), impostor);
    // The gateway comes after a pause, so one call alone would seldom reach this server.
    const auto reached = [&] {
      api().StoredSongs(user);
      return impostor.calls() > 0;
    };
    return Await(2 * kLongerThanAPause, reached, absl::Milliseconds(100)) &&
           impostor.certificate() == wanted;
  }));
  stack().Restart("song_store");
  EXPECT_TRUE(stack().AwaitReady(kTakeUpTime));
}

}  // namespace
}  // namespace playlog::harness
