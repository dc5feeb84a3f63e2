// A configuration that is not safe does not start (promise R27): the process ends within moments
// with EX_CONFIG and one line that says what is wrong, and it has served nobody.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::HasSubstr;

constexpr int kExitBadConfiguration = 78;
// 2 s is what we promise; a sanitizer and a busy machine make everything several times slower.
#ifdef __SANITIZE_ADDRESS__
constexpr absl::Duration kRefusalTime = absl::Seconds(15);
#else
constexpr absl::Duration kRefusalTime = absl::Seconds(2);
#endif

bool HasDatabase(const std::string& service) { return service != "gateway"; }

class ConfigurationTest : public EndToEndTest {
 protected:
  // Starts a service with what makes it unsafe beside its usual flags.
  static void ExpectRefused(const std::string& service, const std::vector<std::string>& flags,
                            const std::string& reason,
                            const std::vector<std::string>& variables = {}) {
    SCOPED_TRACE(absl::StrCat(service, " ", flags.empty() ? "" : flags.back()));
    const std::string socket = stack().directory() + "/apart.sock";
    const std::string port_file = stack().directory() + "/apart.port";
    std::vector<std::string> all;
    if (HasDatabase(service)) {
      all.push_back("--listen_address=unix:" + socket);
    } else {
      all.push_back("--port_file=" + port_file);
    }
    all.insert(all.end(), flags.begin(), flags.end());
    const Finished refused = stack().RunApart(service, all, variables);
    EXPECT_EQ(refused.exit_code, kExitBadConfiguration);
    EXPECT_THAT(refused.errors, HasSubstr(reason));
    EXPECT_EQ(CountOf(refused.errors, "\n"), 1) << refused.errors;
    EXPECT_LT(refused.duration, kRefusalTime);
    EXPECT_THAT(refused.output, ::testing::Not(HasSubstr(R"("event":"serving")")));
    EXPECT_FALSE(std::filesystem::exists(socket));
    EXPECT_FALSE(std::filesystem::exists(port_file));
  }

  // A new file of the given contents and rights; its path.
  static std::string NewFile(const std::string& contents, unsigned rights = 0400) {
    static int count = 0;
    std::string path = absl::StrCat(stack().directory(), "/odd-", ++count);
    std::ofstream(path, std::ios::binary) << contents;
    std::filesystem::permissions(path, std::filesystem::perms(rights));
    return path;
  }
  static std::string PathOf(const std::string& file) {
    return absl::StrCat(stack().directory(), "/", file);
  }
  static std::string Contents(const std::string& file) { return ReadFile(PathOf(file)); }

  // What is true of every secret file, whatever is in it.
  static void ExpectSecretFileIsGuarded(const std::string& service, const std::string& flag,
                                        const std::string& good) {
    const std::string option = "--" + flag + "=";
    ExpectRefused(service, {option}, absl::StrCat("--", flag, " is not set"));
    ExpectRefused(service, {option + PathOf("nothing")}, "cannot open the secret file");
    ExpectRefused(service, {option + stack().directory()}, "is not a regular file");
    ExpectRefused(service, {option + NewFile("")}, "is empty");
    ExpectRefused(service, {option + NewFile(good, 0644)}, "others may read");
    ExpectRefused(service, {option + NewFile(good, 0440)}, "others may read");
  }
};

TEST_F(ConfigurationTest, AnUnknownOptionStopsTheStart) {
  for (const std::string& service : Stack::Services()) {
    ExpectRefused(service, {"--no_such_option=1"}, "unknown option --no_such_option");
    ExpectRefused(service, {"--listen_adress", "unix:/tmp/x"}, "unknown option --listen_adress");
    ExpectRefused(service, {"stray"}, "an argument that is no --option");
  }
}

TEST_F(ConfigurationTest, ABadValueStopsTheStart) {
  for (const std::string& service : Stack::Services()) {
    ExpectRefused(service, {"--reflection=perhaps"}, "bad value of the option --reflection");
    ExpectRefused(service, {"--log_level=loud"}, "--log_level");
    ExpectRefused(service, {"--metrics_address"}, "has no value");
    ExpectRefused(service, {}, "PLAYLOG_REFLECTION", {"PLAYLOG_REFLECTION=perhaps"});
  }
}

TEST_F(ConfigurationTest, ATakenPortStopsTheStart) {
  const std::string taken = absl::StrCat("127.0.0.1:", stack().http_port());
  for (const std::string& service : Stack::Services()) {
    ExpectRefused(service, {"--metrics_address=" + taken}, "cannot serve metrics at " + taken);
    if (!HasDatabase(service)) continue;
    ExpectRefused(service, {"--listen_address=" + taken}, "cannot listen at " + taken);
    ExpectRefused(service, {"--listen_address=unix:" + stack().SocketOf(service)},
                  "another process serves there");
    ExpectRefused(service, {"--listen_address="}, "--listen_address is not set");
  }
  ExpectRefused("gateway", {"--http_address=" + taken}, "does not start");
  // Nobody has lost a socket by it.
  EXPECT_TRUE(stack().AwaitReady(absl::Seconds(10)));
}

TEST_F(ConfigurationTest, CertificatesThatDoNotServeStopTheStart) {
  for (const std::string& service : Stack::Services()) {
    const std::string good = stack().TlsDirectoryOf(service);
    const std::string odd = PathOf("odd_tls");
    const auto expect = [&](const std::string& file, const std::string& contents, unsigned rights,
                            const std::string& reason) {
      std::filesystem::remove_all(odd);
      std::filesystem::copy(good + "/", odd);
      std::filesystem::remove(odd + "/" + file);
      if (!contents.empty()) std::filesystem::rename(NewFile(contents, rights), odd + "/" + file);
      ExpectRefused(service, {"--tls_directory=" + odd}, reason);
    };
    ExpectRefused(service, {"--tls_directory="}, "--tls_directory is not set");
    const std::string key = ReadFile(good + "/key.pem");
    expect("ca.pem", "", 0400, "ca.pem");
    expect("cert.pem", "", 0400, "cert.pem");
    expect("key.pem", "", 0400, "key.pem");
    expect("key.pem", key, 0644, "others may read");
    expect("key.pem", key.substr(0, key.size() / 2), 0400, "holds no PEM private key");
    expect("key.pem", ReadFile(stack().TlsDirectoryOf("operator") + "/key.pem"), 0400,
           "does not fit its certificate");
  }
}

TEST_F(ConfigurationTest, ABadDatabaseUrlStopsTheStart) {
  for (const std::string& service : Stack::Services()) {
    if (!HasDatabase(service)) continue;
    const std::string file = service + ".database";
    ExpectSecretFileIsGuarded(service, "database_url_file", Contents(file));
    // What is in the file is told nobody.
    ExpectRefused(service, {"--database_url_file=" + NewFile("hunter2")},
                  service + " does not start: the database URL is not a libpq URL\n");
  }
}

TEST_F(ConfigurationTest, APostgresqlThatMayLoseOrGarbleStopsTheStart) {
  testing::PostgresCluster cluster;
  testing::TestDatabase database(cluster);
  const auto expect = [](const std::string& url, const std::string& reason) {
    for (const std::string& service : Stack::Services()) {
      if (!HasDatabase(service)) continue;
      ExpectRefused(service, {"--database_url_file=" + NewFile(url)}, reason);
    }
  };
  for (const std::string setting : {"fsync", "full_page_writes", "synchronous_commit"}) {
    const auto set = [&](const std::string& value) {
      database.Execute(absl::StrCat("ALTER SYSTEM SET ", setting, " = ", value));
      database.Execute("SELECT pg_reload_conf()");
      ASSERT_TRUE(
          Await(absl::Seconds(10), [&] { return database.Execute("SHOW " + setting) == value; }));
    };
    set("off");
    expect(database.url(), absl::StrCat("PostgreSQL's ", setting, " is 'off' and must be 'on'"));
    set("on");
  }
  database.Execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
  expect(cluster.Url("ascii"), "PostgreSQL's server_encoding is 'SQL_ASCII' and must be 'UTF8'");
  // None of them has begun to work on it.
  EXPECT_EQ(database.Execute("SELECT count(*) FROM pg_namespace WHERE nspname IN ('auth', "
                             "'song_store', 'spotify_ingest', 'lastfm_ingest')"),
            "0");
}

TEST_F(ConfigurationTest, ABadTokenKeyStopsTheStart) {
  const std::string option = "--token_key_file=";
  ExpectSecretFileIsGuarded("auth", "token_key_file", Contents("token_key.pem"));
  for (const std::string& weak :
       {std::string("secret"), std::string(31, 'k'), std::string(32, 'k')}) {
    ExpectRefused("auth", {option + NewFile(weak)}, "--token_key_file");
  }
  ExpectRefused("auth", {option + PathOf("key_encryption_key.json")}, "--token_key_file");
}

TEST_F(ConfigurationTest, ABadKeyEncryptionKeyStopsTheStart) {
  const std::string option = "--key_encryption_key_file=";
  const std::string good = Contents("key_encryption_key.json");
  ExpectSecretFileIsGuarded("auth", "key_encryption_key_file", good);
  const auto expect = [&](const std::string& ring) {
    ExpectRefused("auth", {option + NewFile(ring)}, "--key_encryption_key_file");
  };
  const auto ring_of = [](const std::string& key) {
    return absl::StrCat(R"({"primary":1,"keys":[{"id":1,"key":")", absl::Base64Escape(key),
                        R"("}]})");
  };
  expect("secret");
  expect(ring_of("secret"));
  expect(ring_of(std::string(32, '\0')));
  expect(ring_of("a phrase that somebody thought up"));
  expect(ring_of(std::string(16, 'a') + std::string(16, 'b')));
  expect(good.substr(0, good.size() / 2));
  expect(absl::StrReplaceAll(good, {{R"("primary":1)", R"("primary":2)"}}));
  ExpectRefused("auth", {option + PathOf("token_key.pem")}, "--key_encryption_key_file");
}

TEST_F(ConfigurationTest, ABadCursorKeyStopsTheStart) {
  const std::string option = "--cursor_key_file=";
  const std::string good = Contents("cursor_key");
  ExpectSecretFileIsGuarded("song_store", "cursor_key_file", good);
  ExpectRefused("song_store", {option + NewFile(good.substr(0, 30))}, "less than 32 bytes");
  ExpectRefused("song_store", {option + NewFile(std::string(64, 'a'))}, "too weak");
}

TEST_F(ConfigurationTest, ABadRegistrationAtSpotifyStopsTheStart) {
  ExpectSecretFileIsGuarded("spotify_ingest", "spotify_client_secret_file",
                            Contents("spotify_client_secret"));
  ExpectRefused("spotify_ingest", {"--spotify_client_id=two words"}, "--spotify_client_id");
  for (const std::string url : {"", "http://playlog.example.org", "ftp://127.0.0.1"}) {
    ExpectRefused("spotify_ingest", {"--public_url=" + url}, "--public_url");
  }
}

TEST_F(ConfigurationTest, AnUpstreamWithoutTlsStopsTheStart) {
  for (const std::string url :
       {"http://api.spotify.com", "http://203.0.113.7:80/x", "http://127.0.0.1.example.org",
        "ftp://127.0.0.1/", "api.spotify.com", ""}) {
    ExpectRefused("spotify_ingest", {"--spotify_api_url=" + url}, "the address");
    ExpectRefused("spotify_ingest", {"--spotify_accounts_url=" + url}, "the address");
    ExpectRefused("lastfm_ingest", {"--lastfm_api_url=" + url}, "the address");
  }
}

TEST_F(ConfigurationTest, AFileWithoutAListOfRevocationsStopsTheStart) {
  const std::string option = "--upstream_crl_file=";
  for (const char* service : {"spotify_ingest", "lastfm_ingest"}) {
    ExpectRefused(service, {option + PathOf("nothing")}, "--upstream_crl_file cannot be read");
    ExpectRefused(service, {option + NewFile("no list")}, "has no list of revoked certificates");
  }
}

TEST_F(ConfigurationTest, ABudgetThatSaysNothingStopsTheStart) {
  for (const std::string budgets : {"5", "5/0", "100 an hour", "5/1,"}) {
    ExpectRefused("spotify_ingest", {"--budgets=" + budgets}, "--budgets must be calls/seconds");
    ExpectRefused("lastfm_ingest", {"--budgets=" + budgets}, "--budgets must be calls/seconds");
  }
}

TEST_F(ConfigurationTest, ANeighbourThatCannotBeAskedStopsTheStart) {
  for (const std::string& service : Stack::Services()) {
    if (service == "gateway" || service == "auth") continue;
    ExpectRefused(service, {"--auth_address="}, "--auth_address is not set");
  }
  ExpectRefused("gateway", {"--neighbours="}, "does not start");
  ExpectRefused("gateway", {"--neighbours=auth"}, "does not start");
  ExpectRefused("gateway", {"--public_url=playlog.example"}, "--public_url must begin with");
}

}  // namespace
}  // namespace playlog::harness
