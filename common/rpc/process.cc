#include "common/rpc/process.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string_view>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/wake_signal.h"
#include "common/rpc/client.h"
#include "common/rpc/credentials.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/limits.h"
#include "common/rpc/server.h"
#include "playlog/auth/v1/signing_key_service.grpc.pb.h"

ABSL_FLAG(std::string, listen_address, "", "Where gRPC is served: unix:/path or host:port.");
ABSL_FLAG(std::string, metrics_address, "", "Where /metrics is served, host:port; empty for none.");
ABSL_FLAG(std::string, tls_directory, "",
          "A directory with ca.pem, cert.pem and key.pem, read again while running.");
ABSL_FLAG(bool, reflection, false, "Whether gRPC reflection is served.");
ABSL_FLAG(std::string, log_level, "info", "The least log level: debug, info, warn or error.");
ABSL_FLAG(std::string, database_url_file, "", "A file with the libpq URL of the service's role.");
ABSL_FLAG(std::string, auth_address, "",
          "Where the auth service is: unix:/path or dns:///host:port.");
ABSL_FLAG(bool, self_check, false, "Ask the running server for its health, and exit with 0 or 1.");

namespace playlog::rpc {
namespace {

constexpr int kExitBadConfiguration = 78;  // EX_CONFIG of sysexits.h.
constexpr int kExitWedged = 70;            // EX_SOFTWARE.
constexpr absl::Duration kHealthTimeout = absl::Seconds(2);
constexpr absl::Duration kBetweenHealthChecks = absl::Seconds(2);
// More patient than a person who asks: with 2 s, services of a machine whose two cores had eight
// times their work ended themselves though they were only slow.
constexpr absl::Duration kOwnHealthTimeout = absl::Seconds(5);
constexpr int kHealthFailuresMax = 3;

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

[[noreturn]] void Die(int code, const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
  std::_Exit(code);
}

// Sets every flag that has an environment variable. Done before the command line is read, which
// thus wins.
void ReadEnvironment() {
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    const std::string variable = absl::StrCat("PLAYLOG_", absl::AsciiStrToUpper(name));
    const char* value = std::getenv(variable.c_str());
    std::string error;
    if (value != nullptr && !flag->ParseFrom(value, &error)) {
      Die(kExitBadConfiguration, absl::StrCat("bad value in the variable ", variable));
    }
  }
}

// Returns the flag that a word of the command line names, as `--name`, `--name=value` or, for one
// that is true or false, `--noname`; nullptr if there is none.
absl::CommandLineFlag* FindFlag(std::string_view word) {
  if (!word.starts_with("--")) return nullptr;
  const std::string_view name = word.substr(2, word.find('=') - 2);
  absl::CommandLineFlag* flag = absl::FindCommandLineFlag(ToAbsl(name));
  if (flag != nullptr || !name.starts_with("no")) return flag;
  flag = absl::FindCommandLineFlag(ToAbsl(name.substr(2)));
  return flag != nullptr && flag->IsOfType<bool>() ? flag : nullptr;
}

// Abseil ends the process with 1 for what it does not understand, which looks like a crash to a
// supervisor, and takes a word without `--` for nobody in particular. Values are not repeated: one
// may be a secret that was put in the wrong place.
void CheckCommandLine(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    absl::CommandLineFlag* flag = FindFlag(word);
    const std::size_t equals = word.find('=');
    const std::string shown(word.substr(0, equals));
    if (flag == nullptr) {
      const bool named = word.starts_with("--");
      Die(kExitBadConfiguration, named ? absl::StrCat("unknown option ", shown)
                                       : std::string("an argument that is no --option"));
    }
    const bool takes_next = equals == std::string_view::npos && !flag->IsOfType<bool>();
    if (takes_next && ++i == argc) {
      Die(kExitBadConfiguration, absl::StrCat("the option ", shown, " has no value"));
    }
    std::string error;
    const std::string_view value = takes_next                         ? std::string_view(argv[i])
                                   : equals == std::string_view::npos ? std::string_view("true")
                                                                      : word.substr(equals + 1);
    if (!flag->ParseFrom(ToAbsl(value), &error)) {
      Die(kExitBadConfiguration, absl::StrCat("bad value of the option ", shown));
    }
  }
}

void CheckLogLevel(const std::string& service) {
  static const std::set<std::string> levels = {"debug", "info", "warn", "error"};
  if (levels.contains(absl::GetFlag(FLAGS_log_level))) return;
  Die(kExitBadConfiguration,
      absl::StrCat(service, " does not start: --log_level is not debug, info, warn or error"));
}

// Memory of ours holds keys: it neither reaches a file nor another process of the same user.
void ForbidDumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// While a channel has failed, calls of it end at once and nobody waits on its sockets: a handshake
// then goes on only when gRPC looks at it by itself, every 5 s, which is as long as an attempt to
// connect may take. A process that started before its neighbours could stay apart from them for a
// minute.
void LetChannelsConnect() { setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100", 0); }

// gRPC writes its complaints to standard error as it likes; here they become lines of our log.
void LogForGrpc(gpr_log_func_args* arguments) {
  const bool error = arguments->severity == GPR_LOG_SEVERITY_ERROR;
  Log(error ? Severity::kWarning : Severity::kDebug, "grpc", {{"message", arguments->message}});
}

// Ends the process when its own server stops answering.
class Watchdog {
 public:
  explicit Watchdog(const std::string& service, const std::string& address)
      : thread_([this, service, address] { Watch(service, address); }) {}
  ~Watchdog() {
    stop_.Raise();
    thread_.join();
  }

 private:
  void Watch(const std::string& service, const std::string& address) {
    int failures = 0;
    while (!stop_.WaitFor(kBetweenHealthChecks)) {
      const absl::Status health =
          CheckHealth(service, address, absl::GetFlag(FLAGS_tls_directory), kOwnHealthTimeout);
      failures = health.ok() ? 0 : failures + 1;
      if (failures < kHealthFailuresMax || stop_.raised()) continue;
      Die(kExitWedged, absl::StrCat(service, " does not answer its own health check any more"));
    }
  }

  WakeSignal stop_;
  std::thread thread_;
};

// The address at which a server that listens at `listen_address` is reached from its own machine.
std::string OwnAddress(const std::string& listen_address, int port) {
  if (listen_address.starts_with("unix:")) return listen_address;
  return absl::StrCat("127.0.0.1:", port);
}

absl::StatusOr<jwt::PublicKeys> FetchKeys(auth::v1::SigningKeyService::Stub& stub) {
  const auto response = Invoke(stub, &auth::v1::SigningKeyService::Stub::GetSigningKeys, Call{},
                               auth::v1::GetSigningKeysRequest(), absl::Seconds(1));
  if (!response.ok()) return response.status();
  std::vector<jwt::PublicKey> keys;
  for (const auto& key : response->keys()) keys.push_back({key.kid(), key.x(), key.y()});
  return jwt::PublicKeys::Create(keys);
}

}  // namespace

Process::Process(const std::string& service, int argc, char** argv) : service_(service) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  ForbidDumps();
  KeepOpenSslToTheEnd();
  LetChannelsConnect();
#ifdef NDEBUG
  // Debian's Abseil looks for lock cycles at every lock, which costs a few per cent of all time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  absl::SetProgramUsageMessage(absl::StrCat("The ", service, " service of Playlog."));
  ReadEnvironment();
  CheckCommandLine(argc, argv);
  absl::ParseCommandLine(argc, argv);
  CheckLogLevel(service);
  if (absl::GetFlag(FLAGS_self_check) && !absl::GetFlag(FLAGS_listen_address).empty()) {
    const std::string listen = absl::GetFlag(FLAGS_listen_address);
    const std::string address =
        listen.starts_with("unix:") ? listen : "127.0.0.1" + listen.substr(listen.rfind(':'));
    const absl::Status health =
        CheckHealth(service, address, absl::GetFlag(FLAGS_tls_directory), kHealthTimeout);
    std::_Exit(health.ok() ? 0 : 1);
  }
  StartLog(service, absl::GetFlag(FLAGS_log_level));
  gpr_set_log_function(&LogForGrpc);
  // gRPC itself would only fail at the first handshake.
  if (!absl::GetFlag(FLAGS_self_check)) {
    const std::string tls_directory = absl::GetFlag(FLAGS_tls_directory);
    if (tls_directory.empty()) {
      Require(absl::FailedPreconditionError("--tls_directory is not set"));
    }
    Require(CheckTlsDirectory(tls_directory));
  }
  const std::string metrics_address = absl::GetFlag(FLAGS_metrics_address);
  if (metrics_address.empty()) return;
  metrics_ = Require(ServeMetrics(metrics_address));
  Log(Severity::kInfo, "metrics", {{"port", metrics_->port()}});
}

Process::~Process() {
  verifier_.reset();
  Log(Severity::kInfo, "stopped");
  gpr_set_log_function(nullptr);
  StopLog();
}

void Process::Require(const absl::Status& status) {
  if (status.ok()) return;
  const bool configuration = absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
  StopLog();
  Die(configuration ? kExitBadConfiguration : 1,
      absl::StrCat(service_, " does not start: ", status.message()));
}

Secret Process::ReadSecret(const std::string& flag) {
  const absl::CommandLineFlag* const found = absl::FindCommandLineFlag(flag);
  const std::string path = found == nullptr ? "" : found->CurrentValue();
  const auto refuse = [&](std::string_view why) {
    Require(absl::FailedPreconditionError(absl::StrCat("--", flag, ToAbsl(why))));
  };
  if (path.empty()) refuse(" is not set");
  absl::StatusOr<Secret> secret = ReadSecretFile(path);
  if (!secret.ok()) refuse(absl::StrCat(": ", secret.status().message()));
  return *std::move(secret);
}

std::shared_ptr<grpc::Channel> Process::Connect(const std::string& neighbour,
                                                const std::string& address) {
  if (address.empty()) {
    Require(absl::FailedPreconditionError(absl::StrCat("--", neighbour, "_address is not set")));
  }
  return rpc::Connect(neighbour, address, absl::GetFlag(FLAGS_tls_directory));
}

CachingTokenVerifier& Process::token_verifier() {
  if (verifier_ == nullptr) {
    const std::shared_ptr<grpc::Channel> channel =
        Connect("auth", absl::GetFlag(FLAGS_auth_address));
    std::shared_ptr<auth::v1::SigningKeyService::Stub> stub =
        auth::v1::SigningKeyService::NewStub(channel);
    revocations_ = std::make_unique<RevocationView>(AskForRevocations(channel), Clock::System());
    verifier_ = std::make_unique<CachingTokenVerifier>([stub] { return FetchKeys(*stub); },
                                                       Clock::System(), revocations_.get());
  }
  return *verifier_;
}

void Process::SetServing(const std::string& service, bool serving) {
  const absl::MutexLock lock(&serving_mutex_);
  serving_[service] = serving;
  if (server_ != nullptr) server_->SetServing(service, serving);
}

// Tells the server what was said before it was there, and from now on at once; null ends that.
void Process::SetHealthOf(Server* server) {
  const absl::MutexLock lock(&serving_mutex_);
  server_ = server;
  if (server == nullptr) return;
  for (const auto& [service, serving] : serving_) server->SetServing(service, serving);
}

int Process::Serve(const std::vector<grpc::Service*>& services,
                   const std::vector<Dispatcher*>& dispatchers) {
  const std::string address = absl::GetFlag(FLAGS_listen_address);
  if (address.empty()) Require(absl::FailedPreconditionError("--listen_address is not set"));
  const std::unique_ptr<Server> server = Require(Server::Start(
      {address, absl::GetFlag(FLAGS_tls_directory), absl::GetFlag(FLAGS_reflection)}, services));
  // So that hardly a call ever waits for a question to auth.
  if (verifier_ != nullptr) verifier_->StartPolling();
  SetHealthOf(server.get());
  Log(Severity::kInfo, "serving", {{"address", address}, {"port", server->port()}});
  {
    const Watchdog watchdog(service_, OwnAddress(address, server->port()));
    WaitForStop();
  }
  for (const std::function<void()>& stop : at_stop_) stop();
  SetHealthOf(nullptr);
  for (Dispatcher* const dispatcher : dispatchers) dispatcher->Leave();
  server->Drain(kDrainMax);
  return 0;
}

void Process::WaitForStop() {
  const sigset_t signals = StopSignals();
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  Log(Severity::kInfo, "stopping", {{"signal", signal_number}});
  PLAYLOG_CRASH_POINT("draining");
  std::thread([signals] {
    int second = 0;
    sigwait(&signals, &second);
    std::_Exit(128 + second);
  }).detach();
}

}  // namespace playlog::rpc
