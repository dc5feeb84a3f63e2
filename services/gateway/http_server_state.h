#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_STATE_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_STATE_H_

// Of the server's own files only: this header brings Asio with it.

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/metrics.h"
#include "services/gateway/http_admission.h"
#include "services/gateway/http_server.h"

namespace playlog::gateway {

class Connection;

// Counts the open connections, in all and by peer. Thread-safe.
class ConnectionTable {
 public:
  explicit ConnectionTable(std::size_t max_per_peer) : max_per_peer_(max_per_peer) {}

  // Returns false if the peer has its share already.
  bool Add(const std::string& peer_address);
  void Remove(const std::string& peer_address);
  std::size_t size() const;
  // Returns whether all were gone in time.
  bool WaitUntilEmpty(absl::Duration time) const;

 private:
  const std::size_t max_per_peer_;
  mutable absl::Mutex mutex_;
  std::size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, std::size_t> by_peer_ ABSL_GUARDED_BY(mutex_);
};

// A thread with its event loop and the connections that live on it.
struct IoThread {
  boost::asio::io_context context{1};
  std::thread thread;
  std::unordered_set<Connection*> connections;  // touched by the thread alone
};

// The server's metrics. The references are kept because finding one takes a lock.
struct HttpMetrics {
  HttpMetrics();
  void CountAnswer(int status, absl::Duration duration);
  void CountRefusal(ErrorCode code);

  Gauge& connections;
  Counter& peer_limit_refusals;
  Counter& accept_failures;
  Counter& loop_exceptions;
  Histogram& request_seconds;

 private:
  std::array<std::atomic<Counter*>, 600> by_status_{};
};

// What the parts of one server share.
struct ServerState {
  ServerState(HttpServerOptions given, HttpHandler& given_handler);

  HttpServerOptions options;  // with the defaults filled in
  HttpHandler& handler;
  Admission admission;
  ConnectionTable connections;
  HttpMetrics metrics;
  std::atomic<std::size_t> held_body_bytes{0};
  std::atomic<bool> draining{false};
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_SERVER_STATE_H_
