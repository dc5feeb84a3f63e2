#include "services/gateway/http_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/notification.h"
#include "common/base/log.h"
#include "services/gateway/http_acceptor.h"
#include "services/gateway/http_connection.h"
#include "services/gateway/http_server_state.h"

namespace playlog::gateway {
namespace {

namespace asio = boost::asio;
using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

// An exception out of a completion handler must not end the process: it's logged, counted, and the
// loop goes on.
void RunLoop(asio::io_context& context, HttpMetrics& metrics) {
  while (true) {
    try {
      context.run();
      return;
    } catch (const std::exception& e) {
      metrics.loop_exceptions.Increment();
      Log(Severity::kError, "http_loop_exception", {{"what", e.what()}});
    }
  }
}

}  // namespace

void LogHttpAccess(const HttpAccess& access) {
  Log(Severity::kInfo, "http_request",
      {{"method", access.method},
       {"path", access.path},
       {"status", access.status},
       {"bytes", access.body_bytes},
       {"complete", access.complete},
       {"duration_ms", absl::ToDoubleMilliseconds(access.duration)},
       {"request_id", access.request_id},
       {"peer", access.peer_address}});
}

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler& handler) : state_(std::move(options), handler) {
    for (int i = 0; i < state_.options.limits.threads; ++i) {
      threads_.push_back(std::make_unique<IoThread>());
    }
    acceptor_ = std::make_unique<Acceptor>(state_, threads_);
  }

  absl::Status Start() {
    if (absl::Status status = acceptor_->Open(state_.options.address); !status.ok()) return status;
    acceptor_->Start();
    for (const std::unique_ptr<IoThread>& thread : threads_) {
      guards_.emplace_back(thread->context.get_executor());
      thread->thread =
          std::thread([this, &context = thread->context] { RunLoop(context, state_.metrics); });
    }
    return absl::OkStatus();
  }

  void Drain(absl::Duration time) {
    if (guards_.empty()) return;
    state_.draining = true;
    absl::Notification stopped;
    OnThread(*threads_.front(), [this, &stopped] {
      const absl::Cleanup tell = [&stopped] { stopped.Notify(); };
      acceptor_->Stop();
    });
    // Only then it is known who is still to be answered.
    stopped.WaitForNotification();
    OnConnections([](Connection& connection) { connection.FinishSoon(); });
    if (!state_.connections.WaitUntilEmpty(time)) {
      // A connection that is just being handed over may not be known to its thread yet.
      do {
        OnConnections([](Connection& connection) { connection.Cut(); });
      } while (!state_.connections.WaitUntilEmpty(absl::Milliseconds(10)));
    }
    guards_.clear();
    for (const std::unique_ptr<IoThread>& thread : threads_) thread->thread.join();
  }

  int port() const { return acceptor_->port(); }
  const ServerState& state() const { return state_; }

 private:
  template <class Function>
  void OnThread(IoThread& thread, Function function) {
    asio::post(thread.context, std::move(function));
  }

  template <class Function>
  void OnConnections(Function function) {
    for (const std::unique_ptr<IoThread>& thread : threads_) {
      OnThread(*thread, [&open = thread->connections, function] {
        for (Connection* connection : open) function(*connection);
      });
    }
  }

  // In this order: what the connections refer to outlives the event loops that hold them.
  ServerState state_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<WorkGuard> guards_;
  std::unique_ptr<Acceptor> acceptor_;
};

HttpServer::HttpServer(HttpServerOptions options, HttpHandler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), handler)) {}

HttpServer::~HttpServer() { impl_->Drain(absl::ZeroDuration()); }

absl::Status HttpServer::Start() { return impl_->Start(); }

int HttpServer::port() const { return impl_->port(); }

void HttpServer::Drain(absl::Duration time) { impl_->Drain(time); }

std::size_t HttpServer::connections() const { return impl_->state().connections.size(); }

std::size_t HttpServer::requests_in_flight() const { return impl_->state().admission.in_flight(); }

}  // namespace playlog::gateway
