#ifndef PLAYLOG_SERVICES_AUTH_AUTH_PROCESS_H_
#define PLAYLOG_SERVICES_AUTH_AUTH_PROCESS_H_

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "common/testing/certificates.h"
#include "common/testing/postgres.h"
#include "common/testing/temporary_directory.h"
#include "playlog/auth/v1/user_service.grpc.pb.h"

namespace playlog::auth {

inline constexpr char kRing[] =
    R"({"primary":1,"keys":[{"id":1,"key":"3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs="}]})";
inline constexpr int kExitBadConfiguration = 78;

// The program with a database, certificates and keys of its own.
class AuthProcessTest : public ::testing::Test {
 protected:
  AuthProcessTest() {
    testing::WriteSecretFile(Path("database_url"), database_.url());
    testing::WriteSecretFile(Path("ring.json"), kRing);
    testing::WriteEcKey(Path("token.pem"));
    flags_ = {{"listen_address", Socket("auth")},
              {"tls_directory", authority_.Issue(directory_.path(), "auth")},
              {"database_url_file", Path("database_url")},
              {"token_key_file", Path("token.pem")},
              {"key_encryption_key_file", Path("ring.json")},
              {"song_store_address", Socket("song_store")},
              {"spotify_ingest_address", Socket("spotify_ingest")},
              {"lastfm_ingest_address", Socket("lastfm_ingest")}};
  }
  ~AuthProcessTest() override {
    if (process_ > 0) Stop(SIGKILL);
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string Socket(const std::string& service) const { return "unix:" + Path(service + ".sock"); }

  void Start() {
    std::vector<std::string> words = {PLAYLOG_AUTH_PROGRAM};
    for (const auto& [flag, value] : flags_) words.push_back(absl::StrCat("--", flag, "=", value));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string output = Path("output");
    const std::string errors = Path("errors");
    process_ = fork();
    if (process_ == 0) {
      dup2(open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
      dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
  }
  // Returns the exit code.
  int Wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int Stop(int signal) {
    kill(process_, signal);
    return Wait();
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Starts the program, which must refuse in one line that has `words` and nothing of the secrets.
  void ExpectRefused(const std::string& words) {
    const absl::Time start = absl::Now();
    Start();
    EXPECT_EQ(Wait(), kExitBadConfiguration) << words;
    EXPECT_LT(absl::Now() - start, absl::Seconds(2)) << words;
    const std::string line = Read("errors");
    EXPECT_THAT(line, ::testing::AllOf(::testing::HasSubstr(words),
                                       ::testing::Not(::testing::HasSubstr("3q2+7wAB"))));
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_FALSE(std::filesystem::exists(Path("auth.sock")));
  }
  void Replace(const std::string& file, const std::string& contents) {
    std::filesystem::remove(Path(file));
    testing::WriteSecretFile(Path(file), contents);
  }

  void StartAndWaitUntilServing() {
    Start();
    const std::string tls = authority_.Issue(directory_.path(), "gateway");
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (!rpc::CheckHealth("auth", Socket("auth"), tls, absl::Seconds(2)).ok()) {
      ASSERT_LT(absl::Now(), give_up) << Read("errors") << Read("output");
    }
  }

  // Calls the program as another service would.
  template <class Service, class StubBase, class Request, class Response>
  absl::StatusOr<Response> CallAs(const std::string& caller,
                                  grpc::Status (StubBase::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                  const Request& request, const std::string& token = "") {
    const auto stub = Service::NewStub(
        rpc::Connect("auth", Socket("auth"), authority_.Issue(directory_.path(), caller)));
    rpc::Call call;
    call.request_id = "test-1";
    call.authorization = token;
    return rpc::Invoke(*stub, method, call, request, absl::Seconds(20));
  }
  absl::StatusOr<v1::CreateTokenResponse> SignIn(const std::string& password) {
    v1::CreateTokenRequest request;
    request.set_username("Listener");
    request.set_password(password);
    return CallAs<v1::UserService>("gateway", &v1::UserService::Stub::CreateToken, request);
  }

  testing::TestDatabase database_;
  testing::TemporaryDirectory directory_;
  testing::TestAuthority authority_;
  std::map<std::string, std::string> flags_;
  pid_t process_ = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_AUTH_PROCESS_H_
