// Secrets never leave (promise R17): every key, token and password of a busy stack is a canary, and
// none is found in logs, answers, metrics, dumps, the database's files, command lines, environments
// or core files.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"
#include "tests/end_to_end/canary_search.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Key;

std::string RandomHex() {
  std::string bytes(8, '\0');
  std::ifstream("/dev/urandom", std::ios::binary).read(bytes.data(), 8);
  return absl::BytesToHexString(bytes);
}

// Whether a process of this machine that ends by SIGABRT leaves a core unless it forbids it.
bool AnAbortDumpsCoreHere(const std::string& directory) {
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(directory.c_str()) != 0) _exit(1);
    signal(SIGABRT, SIG_DFL);
    kill(getpid(), SIGABRT);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WCOREDUMP(status);
}

std::string Credentials(const std::string& name, const std::string& password) {
  return absl::StrCat("{\"username\":", Quoted(name), ",\"password\":", Quoted(password), "}");
}

class CanaryTest : public EndToEndTest {
 protected:
  static void SetUpTestSuite() {
    // So that a core could be written if our processes did not forbid it.
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    static testing::PostgresCluster cluster;
    SetOptions({.log_level = "debug", .cluster = &cluster});
    stack();
  }

  // Remembers what was answered and hands it on.
  HttpAnswer Keep(HttpAnswer answer) {
    search_.KeepResponse(answer);
    return answer;
  }
  std::string Canary(const std::string& what) { return absl::StrCat(mark_, "-", what); }

  // A token that was given out, which may be in the answer that gave it and nowhere else.
  void Given(const std::string& what, const std::string& token) {
    if (token.empty()) return;
    // Of a token of three parts, the last is what makes it worth something.
    given_.emplace_back(what, token.substr(token.rfind('.') + 1));
  }

  User NewUser(const std::string& name) {
    User user;
    user.name = absl::StrCat(name, "-", RandomHex());
    user.password = Canary("password " + name);
    EXPECT_EQ(Keep(api().Post("/users/register/", Credentials(user.name, user.password))).status,
              201);
    const HttpAnswer tokens = api().Post("/users/token/", Credentials(user.name, user.password));
    EXPECT_EQ(tokens.status, 200);
    user.access = Member(tokens.body, "access");
    user.refresh = Member(tokens.body, "refresh");
    Given("an access token", user.access);
    Given("a refresh token", user.refresh);
    return user;
  }

  void SignInGoodAndBad();
  void SendWhatIsBad(const User& user);
  void FetchWhatIsGood(User& user);
  void FetchWhatIsBad(const User& user);
  void EchoKeys(const User& user);
  void RotateTokens(User& user);
  void ConnectSpotify(const User& user);
  void ReadAllThatIsShown(const User& user);

  // The secrets of the processes themselves.
  std::vector<Needle> SecretsOfServices();

  const std::string mark_ = "CANARY-" + RandomHex();
  CanarySearch search_{stack()};
  std::vector<Needle> given_;
};

void CanaryTest::SignInGoodAndBad() {
  const User user = NewUser("listener");
  const auto sign_in = [this](const std::string& name, const std::string& password) {
    return Keep(api().Post("/users/token/", Credentials(name, password))).status;
  };
  EXPECT_EQ(sign_in(user.name, Canary("wrong password")), 401);
  EXPECT_EQ(sign_in("nobody-" + RandomHex(), Canary("password of nobody")), 401);
  // Who types a password into the field above it.
  EXPECT_EQ(sign_in(Canary("typed-as-name"), "x"), 401);
  EXPECT_EQ(sign_in(Canary("typed as name"), "x"), 401);
  // Refused: taken, too long, guessable.
  const auto register_as = [this](const std::string& name, const std::string& password) {
    return Keep(api().Post("/users/register/", Credentials(name, password))).status;
  };
  EXPECT_EQ(register_as(user.name, Canary("password of another")), 409);
  EXPECT_EQ(register_as("l-" + RandomHex(), Canary(std::string(200, 'x'))), 400);
  EXPECT_EQ(register_as(Canary("typed as name"), "pebble vellum otter"), 400);
}

void CanaryTest::SendWhatIsBad(const User& user) {
  const std::string secret = Canary("misplaced");
  for (const std::string& body :
       {absl::StrCat("{\"username\":\"u\",\"password\":\"", secret),
        absl::StrCat("{\"username\":\"u\",\"password\":", secret, "}"),
        absl::StrCat("{\"username\":{\"x\":\"", secret, "\"},\"password\":1}"),
        absl::StrCat("{\"username\":\"u\",\"password\":\"", secret, "\\ud800\"}"),
        absl::StrCat("username=u&password=", secret)}) {
    EXPECT_EQ(Keep(api().Post("/users/token/", body)).status, 400) << "a bad body";
    EXPECT_EQ(Keep(api().Post("/users/register/", body)).status, 400) << "a bad body";
  }
  for (const std::string& body :
       {absl::StrCat(R"({"service_name":"spotify","api_key":")", secret, "\\n\"}"),
        absl::StrCat(R"({"service_name":"spotify","api_key":")", secret, R"(","extra":1})"),
        absl::StrCat(R"({"service_name":"deezer","api_key":")", secret, "\"}"),
        absl::StrCat(R"({"service_name":"spotify","api_key":")", secret, std::string(5000, 'x'),
                     "\"}")}) {
    EXPECT_EQ(Keep(api().Post("/users/api-keys/", body, user.access)).status, 400) << "a bad key";
  }
  EXPECT_EQ(Keep(api().Get("/users/me/", secret)).status, 401);
  EXPECT_EQ(Keep(api().Get("/users/me/", user.access + secret)).status, 401);
  EXPECT_EQ(Keep(api().Get("/music/get-stored-songs/?cursor=" + secret, user.access)).status, 400);
  EXPECT_EQ(Keep(api().Get("/music/get-stored-songs/?limit=" + secret, user.access)).status, 400);
  EXPECT_EQ(Keep(api().Post("/users/token/refresh/", "{\"refresh\":\"" + secret + "\"}")).status,
            401);
  // A secret in a cookie, in a header that nobody reads, and in one that is refused.
  for (const std::string& field :
       {"Cookie: session=" + secret, "X-Api-Key: " + secret, "Host: " + secret}) {
    Keep(Exchange(stack().http_port(),
                  RequestText("GET", "/users/me/", user.access, {}, field + "\r\n")));
  }
}

void CanaryTest::FetchWhatIsGood(User& user) {
  EXPECT_EQ(Keep(api().StoreSpotifyToken(user, Canary("spotify"))).status, 201);
  EXPECT_EQ(Keep(api().StoreLastfmKey(user, Canary("lastfm"), user.name)).status, 201);
  EXPECT_EQ(Keep(api().StoreLastfmKey(user, Canary("lastfm2"), user.name)).status, 200);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Keep(api().FetchSpotify(user)).status, 200);
    EXPECT_EQ(Keep(api().FetchLastfm(user)).status, 200);
  }
}

void CanaryTest::FetchWhatIsBad(const User& user) {
  for (const std::string scenario :
       {"expired", "forbidden_text", "rate_limit:1", "status:500", "status:404", "cut:half",
        "html_502", "garbage", "reset_body", "redirect:302", "big_header", "json_bad_utf8",
        "items_string", "oddities"}) {
    const std::string key = absl::StrCat("scenario:", scenario, "__", Canary(scenario));
    Keep(api().StoreSpotifyToken(user, key));
    Keep(api().FetchSpotify(user));
  }
  for (const std::string scenario :
       {"invalid_key", "suspended_key", "error:29", "error:8", "status:500", "cut:half", "html_502",
        "garbage", "reset_body", "redirect:302", "unknown_user", "recenttracks_null", "oddities"}) {
    const std::string name = absl::StrCat("scenario:", scenario, "__", RandomHex());
    Keep(api().StoreLastfmKey(user, Canary("lastfm-" + scenario), name));
    Keep(api().FetchLastfm(user));
  }
}

// An upstream that repeats in its errors what it was sent.
void CanaryTest::EchoKeys(const User& user) {
  for (const int status : {400, 401, 403, 429, 500}) {
    const std::string key = Canary(absl::StrCat("echoed-", status));
    const boost::json::object answer{
        {"status", status},
        {"body", absl::StrCat(R"({"error":10,"message":"Invalid key )", key, "\"}")}};
    stack().standins().Script(key, boost::json::array{answer}, "last");
    Keep(api().StoreSpotifyToken(user, key));
    Keep(api().FetchSpotify(user));
    Keep(api().StoreLastfmKey(user, key, "echo-" + RandomHex()));
    Keep(api().FetchLastfm(user));
  }
}

void CanaryTest::RotateTokens(User& user) {
  const auto refresh = [&](const std::string& token) {
    return api().Post("/users/token/refresh/", "{\"refresh\":" + Quoted(token) + "}");
  };
  const HttpAnswer next = refresh(user.refresh);
  ASSERT_EQ(next.status, 200);
  Given("an access token", Member(next.body, "access"));
  Given("a refresh token", Member(next.body, "refresh"));
  // A spent one again ends them all.
  EXPECT_EQ(Keep(refresh(user.refresh)).status, 401);
  EXPECT_EQ(Keep(refresh(Member(next.body, "refresh"))).status, 401);
}

// Signs in at Spotify with codes that are canaries, as are the tokens that they are exchanged for.
void CanaryTest::ConnectSpotify(const User& user) {
  for (const std::string& code :
       {Canary("code"), absl::StrCat("scenario:code_invalid_grant__", Canary("bad-code"))}) {
    const HttpAnswer begun = api().Get("/users/spotify/connect/", user.access);
    ASSERT_EQ(begun.status, 200) << begun.body;
    const std::string url = Member(begun.body, "authorize_url");
    const std::string after_state = url.substr(url.find("state=") + 6);
    const std::string state = after_state.substr(0, after_state.find('&'));
    const std::string cookie_field = begun.Header("set-cookie");
    const std::string cookie = cookie_field.substr(0, cookie_field.find(';'));
    ASSERT_GE(state.size(), 16u) << url;
    ASSERT_GE(cookie.size(), 32u) << cookie_field;
    Given("the state of a sign-in", state);
    Given("the cookie of a sign-in", cookie.substr(cookie.find('=') + 1));
    Keep(Exchange(
        stack().http_port(),
        RequestText("GET", absl::StrCat("/users/spotify/callback/?code=", code, "&state=", state),
                    "", {}, "Cookie: " + cookie + "\r\n")));
  }
  // What is stored now is what the good code was exchanged for.
  EXPECT_EQ(Keep(api().FetchSpotify(user)).status, 200);
  EXPECT_GE(stack().standins().Calls(absl::StrCat("access.", Canary("code"), ".1")).size(), 1u);
}

void CanaryTest::ReadAllThatIsShown(const User& user) {
  for (const char* target : {"/users/me/", "/users/api-keys/", "/music/get-stored-songs/",
                             "/music/get-stored-songs/?limit=5", "/healthz", "/readyz",
                             "/openapi.json", "/users/audit/", "/users/me/export/", "/nothing"}) {
    Keep(api().Get(target, user.access));
  }
  EXPECT_EQ(Keep(api().Delete("/users/api-keys/lastfm/", user.access)).status, 204);
}

std::vector<Needle> CanaryTest::SecretsOfServices() {
  const auto contents = [](const std::string& file) {
    return ReadFile(stack().directory() + "/" + file);
  };
  const std::string key = Member(contents("key_encryption_key.json"), "keys.0.key");
  std::string bytes;
  EXPECT_TRUE(absl::Base64Unescape(key, &bytes));
  // Of a PEM file, the second line is the first that is its own.
  const std::vector<std::string> pem = absl::StrSplit(contents("token_key.pem"), '\n');
  return {Needle("the key-encryption key", bytes), Needle("the token key", pem.at(1)),
          Needle("the cursor key", contents("cursor_key")),
          Needle("the client secret", contents("spotify_client_secret"))};
}

TEST_F(CanaryTest, NoSecretLeaves) {
  SignInGoodAndBad();
  User user = NewUser("owner");
  SendWhatIsBad(user);
  FetchWhatIsGood(user);
  ConnectSpotify(user);
  ReadAllThatIsShown(user);
  FetchWhatIsBad(user);
  EchoKeys(user);
  RotateTokens(user);
  const User leaver = NewUser("leaver");
  EXPECT_EQ(Keep(api().StoreSpotifyToken(leaver, Canary("of-leaver"))).status, 201);
  EXPECT_EQ(Keep(api().Delete("/users/me/", leaver.access)).status, 204);
  // The world outside did get the keys: they were used.
  EXPECT_GE(stack().standins().Calls(Canary("spotify")).size(), 2u);
  EXPECT_GE(stack().standins().Calls(Canary("lastfm2")).size(), 2u);

  std::vector<Needle> needles = given_;
  needles.emplace_back("a canary", mark_);
  for (Needle& needle : SecretsOfServices()) needles.push_back(std::move(needle));
  for (const auto& [place, finds] : search_.Find(needles)) {
    for (const std::string& find : finds) ADD_FAILURE() << find;
  }
}

TEST_F(CanaryTest, TheSearchFindsWhatIsPlanted) {
  const std::string planted = "PLANTED-" + RandomHex();
  const testing::TestDatabase& database = stack().database();
  database.Execute("CREATE TABLE planted (text text, bytes bytea)");
  // The log of the database has a header every 8 KiB, which may come between two halves of a row.
  for (int row = 0; row < 3; ++row) {
    database.Execute(absl::StrCat("INSERT INTO planted (bytes) VALUES ('", planted, "')"));
  }
  HttpAnswer answer = api().Get("/healthz");
  answer.headers.emplace_back("x-planted", absl::Base64Escape("xx" + planted + "yyy"));
  Keep(answer);
  std::ofstream(stack().directory() + "/auth.out", std::ios::app)
      << "{\"event\":\"planted\",\"key\":\"" << planted << "\"}\n";
  const ChildProcess sleeper({"sleeper",
                              {"/bin/sh", "-c", "sleep 60; exit", planted},
                              {"KEY=" + absl::BytesToHexString(planted)},
                              stack().directory()});
  std::map<Place, std::vector<std::string>> found;
  // A child has its arguments a moment after it was made.
  EXPECT_TRUE(Await(absl::Seconds(60), [&] {
    found = search_.Find({Needle("planted", planted)});
    return found.contains(Place::kCommandLines) && found.contains(Place::kVariables);
  }));
  for (const Place place : {Place::kLogs, Place::kResponses, Place::kDump, Place::kCluster,
                            Place::kCommandLines, Place::kVariables}) {
    EXPECT_THAT(found, Contains(Key(place)));
  }
  EXPECT_THAT(found, ::testing::Not(Contains(Key(Place::kMetrics))));
  int table_files = 0;
  int log_files = 0;
  for (const std::string& find : found[Place::kCluster]) {
    table_files += absl::StrContains(find, "in base/") ? 1 : 0;
    log_files += absl::StrContains(find, "in pg_wal/") ? 1 : 0;
  }
  EXPECT_GE(table_files, 1);
  EXPECT_GE(log_files, 1);
  EXPECT_THAT(search_.Find({Needle("never planted", "NEVER-" + RandomHex())}), IsEmpty());
  database.Execute("DROP TABLE planted");
}

TEST_F(CanaryTest, AnAbortLeavesNoCore) {
  if (!AnAbortDumpsCoreHere(stack().directory())) {
    // The limit that each process sets for itself is looked at all the same.
    std::printf("this machine writes no core files, so that only the limits are shown\n");
  }
  for (const std::string& service : Stack::Services()) {
    const std::string limits =
        ReadFile(absl::StrCat("/proc/", stack().process(service).pid(), "/limits"));
    EXPECT_THAT(limits, ::testing::ContainsRegex("Max core file size +0 +0 ")) << service;
    EXPECT_EQ(stack().End(service, SIGABRT), -SIGABRT);
    EXPECT_FALSE(stack().process(service).dumped_core()) << service;
    stack().Restart(service);
  }
  EXPECT_TRUE(stack().AwaitReady(absl::Seconds(90)));
}

}  // namespace
}  // namespace playlog::harness
