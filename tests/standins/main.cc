// The stand-ins for Spotify and Last.fm; README.md describes them.

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/time/time.h"
#include "common/base/time_format.h"
#include "tests/standins/http_listener.h"
#include "tests/standins/world.h"

ABSL_FLAG(std::string, address, "127.0.0.1:0", "Loopback address and port to listen on");
ABSL_FLAG(std::string, port_file, "", "File into which the bound port is written");
ABSL_FLAG(std::string, samples_directory, "", "Where files that are served as recorded lie");
ABSL_FLAG(std::uint64_t, seed, 1, "Seed of all music and all histories");
ABSL_FLAG(std::int64_t, history_plays, 1000, "Plays of a listener");
ABSL_FLAG(std::string, history_end, "now", "When histories end: now, or an RFC 3339 time");
ABSL_FLAG(std::int64_t, spotify_latency_ms, 0, "Wait before each answer of Spotify");
ABSL_FLAG(std::int64_t, lastfm_latency_ms, 0, "Wait before each answer of Last.fm");
ABSL_FLAG(bool, draw_art, false,
          "Draw the album art and give addresses of it, not of real servers");
ABSL_FLAG(int, max_connections, 512, "Connections that are served at a time");
ABSL_FLAG(std::string, spotify_client_id, "", "The only client id that is let through");
ABSL_FLAG(std::string, spotify_client_secret, "", "The only client secret that is let through");
ABSL_FLAG(std::int64_t, spotify_token_lifetime_s, 3600, "Seconds after which tokens expire");

namespace playlog::standins {
namespace {

constexpr int kBadConfiguration = 78;

struct Address {
  std::string ip;
  std::uint16_t port = 0;
};

std::optional<Address> ParseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  Address address;
  address.ip = text.substr(0, colon);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  boost::system::error_code ip_error;
  const auto ip = boost::asio::ip::make_address(address.ip, ip_error);
  if (error != std::errc() || stop != end || ip_error || !ip.is_loopback()) return std::nullopt;
  return address;
}

// Written beside and renamed, so that whoever waits for the file never reads half a number.
void WritePortFile(const std::string& path, std::uint16_t port) {
  if (path.empty()) return;
  const std::string beside = path + ".new";
  std::ofstream(beside) << port << "\n";
  std::filesystem::rename(beside, path);
}

std::optional<WorldOptions> OptionsFromFlags() {
  WorldOptions options;
  options.library.seed = absl::GetFlag(FLAGS_seed);
  options.library.history_plays = absl::GetFlag(FLAGS_history_plays);
  options.library.history_end_ms = NowMs();
  const std::string end = absl::GetFlag(FLAGS_history_end);
  if (end != "now") {
    const auto time = ParseRfc3339(end);
    if (!time) return std::nullopt;
    options.library.history_end_ms = absl::ToUnixMillis(*time);
  }
  options.accounts.client_id = absl::GetFlag(FLAGS_spotify_client_id);
  options.accounts.client_secret = absl::GetFlag(FLAGS_spotify_client_secret);
  options.accounts.token_lifetime_s = absl::GetFlag(FLAGS_spotify_token_lifetime_s);
  options.samples_directory = absl::GetFlag(FLAGS_samples_directory);
  options.spotify_latency_ms = absl::GetFlag(FLAGS_spotify_latency_ms);
  options.lastfm_latency_ms = absl::GetFlag(FLAGS_lastfm_latency_ms);
  options.draw_art = absl::GetFlag(FLAGS_draw_art);
  return options;
}

int Run() {
  const auto address = ParseAddress(absl::GetFlag(FLAGS_address));
  const auto options = OptionsFromFlags();
  if (!address || !options || absl::GetFlag(FLAGS_max_connections) < 1) {
    std::cerr << "playlog-standins: --address must be a loopback address with a port, "
                 "--history_end now or an RFC 3339 time, --max_connections at least 1\n";
    return kBadConfiguration;
  }
  try {
    World world(*options);
    HttpListener listener(address->ip, address->port, absl::GetFlag(FLAGS_max_connections),
                          [&world](const HttpRequest& request) { return world.Handle(request); });
    WritePortFile(absl::GetFlag(FLAGS_port_file), listener.port());
    std::cout << "playlog-standins listens on http://" << address->ip << ":" << listener.port()
              << std::endl;
    listener.Run(/*until_signal=*/true);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "playlog-standins: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace
}  // namespace playlog::standins

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Plays Spotify and Last.fm for tests and demonstrations.");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::cerr << "playlog-standins: unexpected argument " << rest[1] << "\n";
    return playlog::standins::kBadConfiguration;
  }
  return playlog::standins::Run();
}
