#include "tests/harness/stack.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/testing/samples.h"
#include "tests/harness/api.h"
#include "tests/harness/http_client.h"

namespace playlog::harness {
namespace {

// Five processes start side by side on few cores, each slowed down several times by a sanitizer.
constexpr absl::Duration kStartTime = absl::Seconds(90);
constexpr absl::Duration kEndTime = absl::Seconds(30);
constexpr absl::Duration kApartTime = absl::Seconds(20);
constexpr char kStandins[] = "standins";
constexpr char kPassword[] = "test";
constexpr char kSpotifyClientId[] = "playlog-test";
constexpr char kSpotifyClientSecret[] = "the-secret-of-a-test";

const std::map<std::string, std::string>& Programs() {
  static const auto& programs =
      *new std::map<std::string, std::string>{{"song_store", PLAYLOG_SONG_STORE_PROGRAM},
                                              {"auth", PLAYLOG_AUTH_PROGRAM},
                                              {"spotify_ingest", PLAYLOG_SPOTIFY_INGEST_PROGRAM},
                                              {"lastfm_ingest", PLAYLOG_LASTFM_INGEST_PROGRAM},
                                              {"gateway", PLAYLOG_GATEWAY_PROGRAM},
                                              {kStandins, PLAYLOG_STANDINS_PROGRAM}};
  return programs;
}

bool HasSchema(const std::string& service) { return service != "gateway"; }

// The roles belong to the tests alone, also on a server that has others.
std::string RoleOf(const std::string& service) { return "playlog_test_" + service; }

// The superuser's URL as the connection string of another role, and at another host unless it is
// empty.
std::string AsRole(const std::string& url, const std::string& role, const std::string& host) {
  PQconninfoOption* const options = PQconninfoParse(url.c_str(), nullptr);
  std::string result;
  for (PQconninfoOption* option = options; option != nullptr && option->keyword; ++option) {
    const std::string keyword = option->keyword;
    if (option->val == nullptr || keyword == "user" || keyword == "password") continue;
    const bool moved = keyword == "host" && !host.empty();
    absl::StrAppend(&result, keyword, "='", moved ? host.c_str() : option->val, "' ");
  }
  PQconninfoFree(options);
  return absl::StrCat(result, "user='", role, "' password='", kPassword, "'");
}

// The services refuse keys that do not look random.
std::string RandomBytes() {
  std::string bytes(32, '\0');
  std::ifstream("/dev/urandom", std::ios::binary).read(bytes.data(), 32);
  return bytes;
}

std::vector<std::string> SanitizerVariables(const StackOptions& options) {
  return {absl::StrCat("ASAN_OPTIONS=quarantine_size_mb=", options.quarantine_mib,
                       // It would forbid core dumps by itself, and a test could not see that our
                       // own code does.
                       ":disable_coredump=0",
                       // The processes forbid to be traced, which finding leaks at the end needs
                       // rights for.
                       ":detect_leaks=", geteuid() == 0 ? 1 : 0, ":", options.sanitizer_options),
          "UBSAN_OPTIONS=print_stacktrace=1"};
}

// What every process is started with.
std::vector<std::string> VariablesOf(const StackOptions& options) {
  std::vector<std::string> variables = SanitizerVariables(options);
  variables.insert(variables.end(), options.variables.begin(), options.variables.end());
  return variables;
}

bool IsReport(const std::string& errors) {
  for (const char* mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                           "terminate called", "WARNING: ThreadSanitizer", "Assertion"}) {
    if (errors.find(mark) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

const std::vector<std::string>& Stack::Services() {
  static const auto& services = *new std::vector<std::string>{
      "song_store", "auth", "spotify_ingest", "lastfm_ingest", "gateway"};
  return services;
}

Stack::Stack(const StackOptions& options)
    : options_(options),
      database_(options.cluster != nullptr ? testing::TestDatabase(*options.cluster)
                                           : testing::TestDatabase()) {
  MakeSchemas();
  MakeSecrets();
  StartStandins();
  for (const std::string& service : Services()) Start(service);
  if (!AwaitReady(kStartTime)) Fail("it did not get ready");
}

Stack::~Stack() = default;

void Stack::Fail(const std::string& what) const {
  std::fprintf(stderr, "the stack in %s: %s\n", directory().c_str(), what.c_str());
  for (const auto& [name, process] : processes_) {
    std::fprintf(stderr, "---- %s\n%s%s", name.c_str(), ReadFile(process->output_path()).c_str(),
                 ReadFile(process->error_path()).c_str());
  }
  std::abort();
}

std::string Stack::SocketOf(const std::string& service) const {
  const std::string& folder =
      options_.socket_directory.empty() ? directory() : options_.socket_directory;
  return absl::StrCat(folder, "/", service, ".sock");
}

std::string Stack::TlsDirectoryOf(const std::string& service) const {
  return absl::StrCat(directory(), "/tls/", service);
}

void Stack::RotateCertificate(const std::string& service) {
  const std::string generation = absl::StrCat(directory(), "/tls/", ++certificate_generation_);
  LinkTlsDirectory(service, authority_.Issue(generation, service));
}

void Stack::LinkTlsDirectory(const std::string& service, const std::string& target) const {
  const std::string link = TlsDirectoryOf(service);
  std::filesystem::create_directory_symlink(target, link + ".fresh");
  std::filesystem::rename(link + ".fresh", link);
}

std::string Stack::Metrics(const std::string& service) const {
  std::size_t position = 0;
  int port = 0;
  // The last line wins: a restarted process appends to the same log.
  for (const std::string& line : LogLines(service, position)) {
    int found = 0;
    if (Member(line, "event") == "metrics" && absl::SimpleAtoi(Member(line, "port"), &found)) {
      port = found;
    }
  }
  return Exchange(port, RequestText("GET", "/metrics", "")).body;
}

std::optional<double> Stack::Metric(const std::string& service, const std::string& name) const {
  for (const absl::string_view line : absl::StrSplit(Metrics(service), '\n')) {
    absl::string_view rest = line;
    double value = 0;
    if (absl::ConsumePrefix(&rest, name + " ") && absl::SimpleAtod(rest, &value)) return value;
  }
  return std::nullopt;
}

void Stack::MakeSchemas() {
  // Roles are the server's, and test programs that start together make them together. No lock keeps
  // them apart, since those belong to one database.
  constexpr char kStatements[] = R"(
DO $$ BEGIN
  CREATE ROLE %1$s LOGIN PASSWORD '%3$s';
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  GRANT %1$s TO CURRENT_USER;
EXCEPTION WHEN unique_violation THEN NULL;
END $$;
CREATE SCHEMA %2$s AUTHORIZATION %1$s;)";
  for (const std::string& service : Services()) {
    if (!HasSchema(service)) continue;
    database_.Execute(absl::StrFormat(kStatements, RoleOf(service), service, kPassword));
  }
}

void Stack::MakeSecrets() {
  for (const std::string& service : Services()) {
    RotateCertificate(service);
    if (!HasSchema(service)) continue;
    testing::WriteSecretFile(absl::StrCat(directory(), "/", service, ".database"),
                             AsRole(database_.url(), RoleOf(service), options_.database_host));
  }
  RotateCertificate("operator");
  testing::WriteEcKey(directory() + "/token_key.pem");
  testing::WriteSecretFile(directory() + "/spotify_client_secret", kSpotifyClientSecret);
  testing::WriteSecretFile(directory() + "/cursor_key", absl::BytesToHexString(RandomBytes()));
  testing::WriteSecretFile(directory() + "/key_encryption_key.json",
                           absl::StrCat(R"({"primary":1,"keys":[{"id":1,"key":")",
                                        absl::Base64Escape(RandomBytes()), R"("}]})"));
}

void Stack::StartStandins() {
  Start(kStandins);
  standins_ = std::make_unique<standins::ControlClient>(static_cast<std::uint16_t>(standins_port_));
}

std::vector<std::string> Stack::WordsFor(const std::string& service) const {
  const std::string port_file = absl::StrCat("--port_file=", directory(), "/", service, ".port");
  if (service == kStandins) {
    std::vector<std::string> words = {
        PLAYLOG_STANDINS_PROGRAM,
        absl::StrCat("--address=127.0.0.1:", standins_port_),
        port_file,
        "--samples_directory=" + testing::SamplesDirectory().string(),
        absl::StrCat("--spotify_client_id=", kSpotifyClientId),
        absl::StrCat("--spotify_client_secret=", kSpotifyClientSecret)};
    words.insert(words.end(), options_.standin_flags.begin(), options_.standin_flags.end());
    return words;
  }
  const auto address = [this](const std::string& name) {
    const auto moved = options_.reached_at.find(name);
    return "unix:" + (moved == options_.reached_at.end() ? SocketOf(name) : moved->second);
  };
  const auto neighbour = [&address](const std::string& name) {
    return absl::StrCat("--", name, "_address=", address(name));
  };
  std::vector<std::string> words = {
      Programs().at(service), "--tls_directory=" + TlsDirectoryOf(service),
      "--metrics_address=127.0.0.1:0", "--log_level=" + options_.log_level};
  if (service == "gateway") {
    std::string neighbours = "--neighbours=";
    for (const std::string& name : Services()) {
      if (name != service) absl::StrAppend(&neighbours, name, "=", address(name), ",");
    }
    neighbours.pop_back();
    words.insert(words.end(), {"--http_address=127.0.0.1:0", port_file, neighbours,
                               // The pages of a test ask nobody else for pictures.
                               absl::StrCat("--art_origins=http://127.0.0.1:", standins_port_)});
    return words;
  }
  words.insert(words.end(),
               {"--listen_address=unix:" + SocketOf(service),
                absl::StrCat("--database_url_file=", directory(), "/", service, ".database")});
  if (options_.reflection) words.push_back("--reflection");
  const std::string upstream = absl::StrCat("http://127.0.0.1:", standins_port_);
  const std::map<std::string, std::vector<std::string>> own = {
      {"auth",
       {absl::StrCat("--key_encryption_key_file=", directory(), "/key_encryption_key.json"),
        absl::StrCat("--token_key_file=", directory(), "/token_key.pem"),
        neighbour("spotify_ingest"), neighbour("lastfm_ingest"), neighbour("song_store")}},
      {"song_store",
       {absl::StrCat("--cursor_key_file=", directory(), "/cursor_key"), neighbour("auth")}},
      {"spotify_ingest",
       {neighbour("auth"), neighbour("song_store"), "--spotify_api_url=" + upstream + "/spotify",
        "--spotify_accounts_url=" + upstream + "/spotify-accounts", "--budgets=" + options_.budgets,
        absl::StrCat("--spotify_client_id=", kSpotifyClientId),
        absl::StrCat("--spotify_client_secret_file=", directory(), "/spotify_client_secret"),
        // Where Spotify sends browsers: tests take the path and call the port that is really open.
        "--public_url=http://127.0.0.1:8000"}},
      {"lastfm_ingest",
       {neighbour("auth"), neighbour("song_store"), "--lastfm_api_url=" + upstream + "/lastfm",
        "--budgets=" + options_.budgets}}};
  words.insert(words.end(), own.at(service).begin(), own.at(service).end());
  if (service.ends_with("_ingest")) {
    words.insert(words.end(), options_.sync_flags.begin(), options_.sync_flags.end());
  }
  return words;
}

Finished Stack::RunApart(const std::string& service, const std::vector<std::string>& flags,
                         const std::vector<std::string>& variables) const {
  std::vector<std::string> words = WordsFor(service);
  words.insert(words.end(), flags.begin(), flags.end());
  std::vector<std::string> all_variables = VariablesOf(options_);
  all_variables.insert(all_variables.end(), variables.begin(), variables.end());
  const std::string name = absl::StrCat(service, "_", absl::ToUnixNanos(absl::Now()));
  return RunToEnd({name, std::move(words), std::move(all_variables), directory()}, kApartTime);
}

void Stack::Start(const std::string& service) {
  std::error_code ignored;
  std::filesystem::remove(absl::StrCat(directory(), "/", service, ".port"), ignored);
  StartProcess(service, WordsFor(service));
  if (service == "gateway") http_port_ = AwaitPort(service);
  if (service == kStandins) standins_port_ = AwaitPort(service);
}

void Stack::StartProcess(const std::string& name, std::vector<std::string> words) {
  processes_[name] = std::make_unique<ChildProcess>(
      Command{name, std::move(words), VariablesOf(options_), directory()});
}

void Stack::StartReplica(const std::string& service, const std::vector<std::string>& wrapper) {
  const std::string name = service + "_2";
  std::vector<std::string> words = wrapper;
  for (std::string& word : WordsFor(service)) words.push_back(std::move(word));
  if (service == "gateway") {
    const std::string port_file = absl::StrCat(directory(), "/", name, ".port");
    std::filesystem::remove(port_file);
    words.push_back("--port_file=" + port_file);
    StartProcess(name, std::move(words));
    replica_http_port_ = AwaitPort(name);
    return;
  }
  words.push_back("--listen_address=unix:" + SocketOf(name));
  StartProcess(name, std::move(words));
}

int Stack::AwaitPort(const std::string& name) {
  int port = 0;
  const std::string path = absl::StrCat(directory(), "/", name, ".port");
  const bool found = Await(kStartTime, [&] {
    if (process(name).ExitCode().has_value()) Fail(name + " ended");
    return absl::SimpleAtoi(ReadFile(path), &port);
  });
  if (!found) Fail(name + " did not open its port");
  return port;
}

bool Stack::AwaitReady(absl::Duration time) const {
  const std::string request = "GET /readyz HTTP/1.1\r\nHost: playlog\r\nConnection: close\r\n\r\n";
  return Await(
      time,
      [&] {
        for (const auto& [name, process] : processes_) {
          if (process->ExitCode().has_value()) Fail(name + " ended");
        }
        return Exchange(http_port_, request, absl::Seconds(5)).status == 200;
      },
      absl::Milliseconds(50));
}

int Stack::End(const std::string& service, int signal) {
  process(service).Signal(signal);
  const std::optional<int> code = process(service).ExitCode(kEndTime);
  if (!code.has_value()) Fail(absl::StrCat(service, " does not end on signal ", signal));
  return *code;
}

void Stack::Restart(const std::string& service) { Start(service); }

std::vector<std::string> Stack::LogLines(const std::string& service, std::size_t& position) const {
  std::ifstream log(ChildProcess::OutputPath(directory(), service), std::ios::binary);
  log.seekg(static_cast<std::streamoff>(position));
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line) && !log.eof();) {
    position += line.size() + 1;
    lines.push_back(std::move(line));
  }
  return lines;
}

void Stack::CheckHealth() {
  for (const auto& [name, process] : processes_) {
    const std::string errors = ReadFile(process->error_path());
    std::size_t& told = errors_told_[name];
    if (process->ExitCode().has_value()) {
      ADD_FAILURE() << name << " ended by itself with " << *process->ExitCode() << "\n"
                    << errors.substr(told);
    } else if (IsReport(errors.substr(told))) {
      ADD_FAILURE() << name << " reported:\n" << errors.substr(told);
    }
    told = errors.size();
  }
}

void Stack::StopAndCheck() {
  for (auto service = Services().rbegin(); service != Services().rend(); ++service) {
    const int code = End(*service, SIGTERM);
    if (code != 0) {
      ADD_FAILURE() << *service << " left with " << code << "\n"
                    << ReadFile(process(*service).error_path());
    }
  }
  End(kStandins, SIGTERM);
  processes_.clear();
}

}  // namespace playlog::harness
