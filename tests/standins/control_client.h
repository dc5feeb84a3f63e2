#ifndef PLAYLOG_TESTS_STANDINS_CONTROL_CLIENT_H_
#define PLAYLOG_TESTS_STANDINS_CONTROL_CLIENT_H_

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace playlog::standins {

// Speaks the control API to a running stand-in; one connection for each call. Every function
// throws std::runtime_error when the stand-in is away or refuses. Safe from any thread.
class ControlClient {
 public:
  explicit ControlClient(std::uint16_t port) : port_(port) {}

  // `answers` is the list of README.md; `then` is "good" or "last".
  void Script(std::string_view credential, boost::json::value answers,
              std::string_view then = "good") const;
  void SetListener(std::string_view credential, std::int64_t plays) const;
  // Adds `count` plays, the newest of which ended `ago_s` seconds ago.
  void AddPlays(std::string_view credential, std::int64_t count, std::int64_t ago_s) const;
  void SetLoved(std::string_view user, std::string_view title, std::string_view artist,
                bool loved) const;
  // The recorded calls: objects as README.md lists them.
  boost::json::array Calls(std::string_view credential) const;
  // How often each credential called a service.
  std::map<std::string, std::int64_t> Counts(std::string_view service) const;
  // The most calls of one credential to a service within any window of that length. Throws too if
  // the stand-in does not know all of them any more.
  std::int64_t MostCalls(std::string_view service, std::int64_t window_ms) const;
  std::int64_t CanaryHits() const;
  void Reset() const;

  // Any control call: the parsed answer. `path` begins behind "/control/".
  boost::json::value Post(std::string_view path, const boost::json::value& body) const;
  boost::json::value Get(std::string_view path) const;

 private:
  boost::json::value Exchange(const std::string& request) const;

  const std::uint16_t port_;
};

// Sends bytes to 127.0.0.1:port and reads until the other side closes. Throws
// std::runtime_error when it cannot connect; a reset ends the answer like a close.
std::string RawExchange(std::uint16_t port, std::string_view request);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_CONTROL_CLIENT_H_
