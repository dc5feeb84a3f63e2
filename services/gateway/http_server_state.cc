#include "services/gateway/http_server_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/gateway/http_error.h"

namespace playlog::gateway {

bool ConnectionTable::Add(const std::string& peer_address) {
  absl::MutexLock lock(&mutex_);
  std::size_t& of_peer = by_peer_[peer_address];
  if (of_peer == max_per_peer_) return false;
  ++of_peer;
  ++size_;
  return true;
}

void ConnectionTable::Remove(const std::string& peer_address) {
  absl::MutexLock lock(&mutex_);
  --size_;
  const auto of_peer = by_peer_.find(peer_address);
  if (of_peer != by_peer_.end() && --of_peer->second == 0) by_peer_.erase(of_peer);
}

std::size_t ConnectionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return size_;
}

bool ConnectionTable::WaitUntilEmpty(absl::Duration time) const {
  absl::MutexLock lock(&mutex_);
  const auto is_empty = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return size_ == 0; };
  return mutex_.AwaitWithTimeout(absl::Condition(&is_empty), time);
}

HttpMetrics::HttpMetrics()
    : connections(GetGauge("playlog_http_connections", "Open connections of HTTP clients.")),
      peer_limit_refusals(
          GetCounter("playlog_http_connections_refused_total",
                     "Connections closed because their peer address had its share.")),
      accept_failures(GetCounter("playlog_http_accept_failures_total",
                                 "Failures to accept a connection, as for want of descriptors.")),
      loop_exceptions(GetCounter("playlog_http_loop_exceptions_total",
                                 "Exceptions that reached an event loop of the HTTP server.")),
      request_seconds(
          GetHistogram("playlog_http_request_seconds", "Time from a request to its answer.")) {}

void HttpMetrics::CountAnswer(int status, absl::Duration duration) {
  request_seconds.Observe(absl::ToDoubleSeconds(duration));
  std::atomic<Counter*>& counter = by_status_.at(static_cast<std::size_t>(status));
  if (counter.load(std::memory_order_acquire) == nullptr) {
    counter.store(&GetCounter("playlog_http_requests_total", "Requests by the status answered.",
                              {{"status", absl::StrCat(status)}}),
                  std::memory_order_release);
  }
  counter.load(std::memory_order_acquire)->Increment();
}

void HttpMetrics::CountRefusal(ErrorCode code) {
  GetCounter("playlog_http_refusals_total", "Requests that the HTTP server itself refused.",
             {{"code", NameOf(code)}})
      .Increment();
}

ServerState::ServerState(HttpServerOptions given, HttpHandler& given_handler)
    : options(std::move(given)),
      handler(given_handler),
      admission(options.limits),
      connections(options.limits.connections_per_peer) {
  if (!options.make_error) {
    options.make_error = [](ErrorCode code, std::string_view detail, std::string_view request_id) {
      return MakeErrorResponse(code, detail, request_id);
    };
  }
  if (!options.is_never_shed) {
    options.is_never_shed = [](const HttpRequest& request) {
      return request.path == "/healthz" || request.path == "/readyz";
    };
  }
  if (!options.access_log) options.access_log = LogHttpAccess;
}

}  // namespace playlog::gateway
