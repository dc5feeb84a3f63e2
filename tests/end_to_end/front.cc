#include "tests/end_to_end/front.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "tests/harness/http_client.h"

namespace playlog::harness {
namespace {

constexpr absl::Duration kStartTime = absl::Seconds(15);
constexpr absl::Duration kEndTime = absl::Seconds(15);
constexpr int kTries = 5;

// $0: the folder, $1: its own port, $2: the gateway's. A line of the log: how the gateway answered,
// "-" for a request that was not handed on; the gateway's request id; the path.
constexpr char kNginx[] = R"(
daemon off;
master_process off;
pid $0/nginx.pid;
error_log $0/error.log;
events {}
http {
  log_format handed_on '$$upstream_status\t$$upstream_http_x_request_id\t$$request_uri';
  access_log $0/access.log handed_on;
  client_body_temp_path $0/body;
  proxy_temp_path $0/proxy;
  fastcgi_temp_path $0/fastcgi;
  uwsgi_temp_path $0/uwsgi;
  scgi_temp_path $0/scgi;
  client_header_timeout 1s;
  client_body_timeout 1s;
  keepalive_timeout 1s;
  client_max_body_size 0;
  ignore_invalid_headers off;
  underscores_in_headers on;
  merge_slashes off;
  upstream gateway { server 127.0.0.1:$2; keepalive 4; }
  server {
    listen 127.0.0.1:$1;
    location / {
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $$http_host;
      proxy_request_buffering off;
      proxy_next_upstream off;
    }
  }
}
)";

// $0: its own port, $1: the gateway's, $2: a further line. The log goes to standard output, with
// the name of the server that a request went to, which begins with "<" where there was none.
constexpr char kHaproxy[] = R"(
global
  log stdout format raw local0 info
defaults
  mode http
  log global
  timeout connect 2s
  timeout client 1s
  timeout server 5s
  timeout http-request 1s
  timeout http-keep-alive 1s
  option http-keep-alive
  http-reuse always
  retries 0
frontend front
  bind 127.0.0.1:$0
  $2
  http-response set-var(txn.request_id) res.hdr(x-request-id)
  log-format "%s\t%[var(txn.request_id)]\t%HP"
  default_backend gateway
backend gateway
  server gateway 127.0.0.1:$1
)";

// A port that is free now. Another program may take it before the front does, so starting a front
// is tried more than once.
int FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  close(probe);
  return ntohs(address.sin_port);
}

}  // namespace

std::string Front::ProgramOf(FrontKind kind) {
  std::string program = kind == FrontKind::kNginx ? "/usr/sbin/nginx" : "/usr/sbin/haproxy";
  return access(program.c_str(), X_OK) == 0 ? program : "";
}

Front::Front(FrontKind kind, int gateway_port) : kind_(kind) {
  for (int i = 0; i < kTries; ++i) {
    port_ = FreePort();
    process_ = std::make_unique<ChildProcess>(
        Command{"front", Configure(gateway_port), {}, directory_.path()});
    const bool serves = Await(kStartTime, [this] {
      return process_->ExitCode().has_value() || HttpConnection(port_).connected();
    });
    if (serves && !process_->ExitCode().has_value()) return;
  }
  ADD_FAILURE() << "it does not serve: " << ReadFile(process_->error_path());
}

std::vector<std::string> Front::Configure(int gateway_port) const {
  const std::string& folder = directory_.path();
  const std::string path = folder + "/front.conf";
  if (kind_ == FrontKind::kNginx) {
    std::ofstream(path) << absl::Substitute(kNginx, folder, port_, gateway_port);
    return {ProgramOf(kind_), "-p", folder, "-e", folder + "/error.log", "-c", path};
  }
  const char* lenient =
      kind_ == FrontKind::kLenientHaproxy ? "option accept-invalid-http-request" : "";
  std::ofstream(path) << absl::Substitute(kHaproxy, port_, gateway_port, lenient);
  return {ProgramOf(kind_), "-db", "-f", path};
}

std::vector<ForwardedRequest> Front::Stop() {
  // haproxy lets what is under way end; nginx, as it is configured here, has nothing left.
  process_->Signal(kind_ == FrontKind::kNginx ? SIGTERM : SIGUSR1);
  EXPECT_TRUE(process_->ExitCode(kEndTime).has_value()) << "it does not end";
  const bool nginx = kind_ == FrontKind::kNginx;
  const std::string log = ReadFile(nginx ? directory_.path() + "/access.log"  //
                                         : process_->output_path());
  std::vector<ForwardedRequest> forwarded;
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    if (fields.size() != 3 || fields[0] == "-" || fields[0].starts_with("<")) continue;
    forwarded.push_back({.path = fields[2], .request_id = fields[1] == "-" ? "" : fields[1]});
  }
  return forwarded;
}

}  // namespace playlog::harness
