#ifndef PLAYLOG_TESTS_FAULTS_PROXY_H_
#define PLAYLOG_TESTS_FAULTS_PROXY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace playlog::faults {

// What a proxy does to a connection.
enum class WireFault {
  kNone,
  kDelay,         // The request waits before it is handed on.
  kDrop,          // The request is swallowed; both sides go on waiting.
  kReset,         // Both connections end with a reset, or a plain close where there is none.
  kHalfClose,     // The server is told that nothing more comes, and the client gets what is left.
  kTruncate,      // The reply is cut after its first bytes, and the connections end.
  kDropReply,     // The request is handed on; its reply is swallowed, and the connections end.
  kWithholdSync,  // The request to PostgreSQL is handed on but for the message that commits it.
};

// Which requests a proxy spoils, and how.
struct WireRule {
  WireFault fault = WireFault::kNone;
  // Only requests that hold this text; all if empty.
  std::string request = {};
  // Of those, so many in a thousand.
  int permille = 1000;
  // At most so many in all.
  int times = 1'000'000'000;
  absl::Duration delay = absl::ZeroDuration();  // Of kDelay.
  std::size_t keep_bytes = 1;                   // Of kTruncate.
};

// Where something listens: a Unix socket's path, or a port of 127.0.0.1 if the path is empty.
struct WireAddress {
  std::string path = {};
  int port = 0;
};

// What a request to PostgreSQL holds that runs a prepared statement, and does not prepare it.
std::string RunOf(std::string_view statement);

// Stands between clients and one server, or replicas of it of which a connection goes to the first
// that takes it; hands on what they say, and spoils what its rule asks for.
// A request is what a client says before the server's reply begins, so that protocols in which both
// talk at once are spoilt by their bytes alone. The same seed and the same requests in one order
// meet the same faults. Thread-safe.
class Proxy {
 public:
  // Listens at `at`, or at a free port if `at` is empty. What cannot be set up ends the test
  // program with a message.
  Proxy(const WireAddress& at, std::vector<WireAddress> servers, std::uint32_t seed);
  // Ends every connection.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }

  // Replaces the rule; requests that are under way keep the old one.
  void Set(const WireRule& rule);
  // How many requests have met a fault since the proxy was made.
  int fired() const { return fired_; }

 private:
  class Link;

  void Accept();
  // What a request meets, which counts as fired: kNone if the dice spare it. Nothing if it does not
  // hold the rule's text, or not yet.
  std::optional<WireRule> Judge(std::string_view request);

  const std::vector<WireAddress> servers_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> fired_ = 0;
  std::mutex mutex_;
  WireRule rule_;  // Guarded by the mutex, like the next two.
  int left_ = 0;   // How often the rule may still fire.
  std::mt19937 random_;
  std::list<std::unique_ptr<Link>> links_;  // Of the thread's own.
  std::thread thread_;
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_PROXY_H_
