// The gateway: REST outside, gRPC inside.

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/time/clock.h"
#include "common/http/curl_client.h"
#include "common/rpc/limits.h"
#include "common/rpc/process.h"
#include "services/gateway/admin_files.h"
#include "services/gateway/facade.h"
#include "services/gateway/http_server.h"
#include "services/gateway/identity.h"
#include "services/gateway/neighbours.h"
#include "services/gateway/openapi.h"
#include "services/gateway/router.h"
#include "services/gateway/web_pages.h"

ABSL_FLAG(std::string, http_address, "127.0.0.1:8000", "Where HTTP is served, host:port.");
ABSL_FLAG(std::string, port_file, "", "A file that gets the port that is served; empty for none.");
ABSL_FLAG(std::string, public_url, "",
          "The address that browsers reach the gateway by. If it is an https one, cookies are for "
          "https alone and browsers are told to come by nothing else.");
ABSL_FLAG(std::vector<std::string>, neighbours, {},
          "Where the services are: name=address, separated by commas, with addresses like "
          "unix:/path or dns:///host:port.");
ABSL_FLAG(int, kept_answers_mib, 32,
          "The most memory for answers that are kept to be sent again, in MiB, 0 to 1024; 0 keeps "
          "none.");
ABSL_FLAG(std::vector<std::string>, art_origins,
          (std::vector<std::string>{"https://i.scdn.co", "https://lastfm.freetls.fastly.net"}),
          "Where the admin pages may show album art from, beside the gateway itself: https://HOST, "
          "or http:// and a port of this machine.");

namespace playlog::gateway {
namespace {

absl::Status WritePort(int port) {
  const std::string path = absl::GetFlag(FLAGS_port_file);
  if (path.empty()) return absl::OkStatus();
  // Renamed into place, so that a reader never sees half a number.
  const std::string draft = path + ".new";
  std::ofstream(draft) << port << "\n";
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    return absl::FailedPreconditionError("cannot write the file --port_file " + path);
  }
  return absl::OkStatus();
}

// Whether browsers come by https, as far as --public_url says.
absl::StatusOr<bool> IsHttps(const std::string& public_url) {
  if (public_url.starts_with("https://")) return true;
  if (public_url.empty() || public_url.starts_with("http://")) return false;
  return absl::InvalidArgumentError("--public_url must begin with http:// or https://");
}

absl::StatusOr<std::size_t> KeptAnswersBytes(int mib) {
  if (mib >= 0 && mib <= 1024) return static_cast<std::size_t>(mib) << 20;
  return absl::InvalidArgumentError("--kept_answers_mib goes from 0 to 1024");
}

// Asks the running gateway for its health; main()'s result.
int CheckSelf() {
  const std::string address = absl::GetFlag(FLAGS_http_address);
  http::CurlClient client;
  const auto response =
      client.Get({.url = "http://127.0.0.1" + address.substr(address.rfind(':')) + kHealthPath,
                  .deadline = absl::Now() + absl::Seconds(2)});
  return response.ok() && response->status == 200 ? 0 : 1;
}

int Main(int argc, char** argv) {
  rpc::Process process("gateway", argc, argv);
  if (absl::GetFlag(FLAGS_self_check)) return CheckSelf();
  const auto addresses = process.Require(ParseNeighbours(absl::GetFlag(FLAGS_neighbours)));
  if (const auto auth = addresses.find("auth"); auth != addresses.end()) {
    absl::SetFlag(&FLAGS_auth_address, auth->second);
  }
  WebPages pages =
      process.Require(WebPages::Create("/admin", AdminFiles(), absl::GetFlag(FLAGS_art_origins)));
  std::vector<std::string> local_paths = pages.paths();
  local_paths.insert(local_paths.end(), {kHealthPath, kReadyPath, kOpenApiPath});
  const auto router =
      process.Require(Router::Create(process.Require(PlaylogServices()), local_paths));
  const auto neighbours = process.Require(Neighbours::Create(
      addresses, *router, [&process](const std::string& name, const std::string& address) {
        return process.Connect(name, address);
      }));
  rpc::CachingTokenVerifier& verifier = process.token_verifier();
  Identity identity(verifier);
  FacadeOptions facade_options;
  facade_options.openapi = process.Require(MakeOpenApi(*router));
  facade_options.pages = std::move(pages);
  const bool is_https = process.Require(IsHttps(absl::GetFlag(FLAGS_public_url)));
  facade_options.secure_cookies = is_https;
  facade_options.kept_answers_bytes_max =
      process.Require(KeptAnswersBytes(absl::GetFlag(FLAGS_kept_answers_mib)));
  Facade facade(*router, identity, *neighbours, std::move(facade_options));
  HttpServerOptions options;
  options.address = absl::GetFlag(FLAGS_http_address);
  options.is_https = is_https;
  HttpServer server(options, facade);
  verifier.StartPolling();
  neighbours->Watch();
  process.Require(server.Start());
  process.Require(WritePort(server.port()));
  process.WaitForStop();
  server.Drain(rpc::kDrainMax);
  return 0;
}

}  // namespace
}  // namespace playlog::gateway

int main(int argc, char** argv) { return playlog::gateway::Main(argc, argv); }
