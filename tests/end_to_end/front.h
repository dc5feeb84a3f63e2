#ifndef PLAYLOG_TESTS_END_TO_END_FRONT_H_
#define PLAYLOG_TESTS_END_TO_END_FRONT_H_

#include <memory>
#include <string>
#include <vector>

#include "common/testing/temporary_directory.h"
#include "tests/harness/child_process.h"

namespace playlog::harness {

// A reverse proxy that operators put before a gateway.
enum class FrontKind {
  kNginx,
  kHaproxy,
  kLenientHaproxy,  // Told to forward requests that it finds invalid.
};

// A request that a front handed on, as its log tells.
struct ForwardedRequest {
  std::string path;        // As the client sent it.
  std::string request_id;  // The X-Request-Id of the gateway's answer; "" if none came back.
};

// One run of a front with a configuration of its own in a temporary folder, as whoever runs the
// test, on a port of 127.0.0.1. Its connections to the gateway are kept and shared by all clients,
// and bodies are handed on as they come: what smuggling needs.
class Front {
 public:
  // "" if the program is not installed.
  static std::string ProgramOf(FrontKind kind);

  // Starts it before the gateway. Fails the running test if it does not serve.
  Front(FrontKind kind, int gateway_port);
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  int port() const { return port_; }
  // Ends it, after which all that it did is in its log, and returns what it handed on.
  std::vector<ForwardedRequest> Stop();

 private:
  std::vector<std::string> Configure(int gateway_port) const;

  const FrontKind kind_;
  const testing::TemporaryDirectory directory_;
  int port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_FRONT_H_
