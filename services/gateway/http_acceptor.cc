#include "services/gateway/http_acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/log.h"
#include "services/gateway/http_connection.h"

namespace playlog::gateway {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// How often the server looks whether one of too many connections has ended.
constexpr absl::Duration kFullPause = absl::Milliseconds(10);
// The share of the process's descriptors that connections may take; the rest is for calls to the
// other services, files and the log.
constexpr double kDescriptorShare = 0.9;

std::optional<tcp::endpoint> ParseAddress(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto [rest, number_error] = std::from_chars(address.data() + colon + 1, end, port);
  error_code error;
  const asio::ip::address ip = asio::ip::make_address(host, error);
  if (error || number_error != std::errc() || rest != end) return std::nullopt;
  return tcp::endpoint(ip, port);
}

}  // namespace

std::string PeerAddressText(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

Acceptor::Acceptor(ServerState& server, std::vector<std::unique_ptr<IoThread>>& threads)
    : server_(server),
      threads_(threads),
      acceptor_(threads.front()->context),
      timer_(threads.front()->context) {
  OpenReserve();
}

Acceptor::~Acceptor() {
  if (reserve_ >= 0) ::close(reserve_);
}

void Acceptor::OpenReserve() { reserve_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

absl::Status Acceptor::Open(const std::string& address) {
  const std::optional<tcp::endpoint> endpoint = ParseAddress(address);
  if (!endpoint.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("HTTP address ", address, " is not a numeric host:port"));
  }
  error_code error;
  acceptor_.open(endpoint->protocol(), error);
  // So that a restart need not wait for old connections to time out. It doesn't let two servers
  // share a port, as SO_REUSEPORT would.
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(*endpoint, error);
  if (!error) acceptor_.listen(server_.options.limits.listen_backlog, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  port_ = acceptor_.local_endpoint().port();
  return absl::OkStatus();
}

void Acceptor::Start() {
  asio::co_spawn(acceptor_.get_executor(), Run(), [this](const std::exception_ptr& exception) {
    // Run catches what a single connection can throw, so this is the end of memory: begin anew.
    if (exception == nullptr || stopped_) return;
    server_.metrics.loop_exceptions.Increment();
    Start();
  });
}

void Acceptor::Stop() {
  stopped_ = true;
  // To close the listening socket resets the connections that wait in it, and the requests that
  // they have brought.
  AcceptWaiting();
  error_code ignored;
  acceptor_.close(ignored);
  timer_.cancel();
}

std::size_t Acceptor::MaxConnections() const {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return server_.options.limits.connections;
  const auto share =
      static_cast<std::size_t>(static_cast<double>(files.rlim_cur) * kDescriptorShare);
  return std::min(server_.options.limits.connections, share);
}

asio::awaitable<void> Acceptor::Run() {
  const std::size_t max_connections = MaxConnections();
  std::size_t next = 0;
  while (!stopped_) {
    if (server_.connections.size() >= max_connections) {
      co_await Pause(kFullPause);
      continue;
    }
    IoThread& thread = *threads_[next++ % threads_.size()];
    auto [error, socket] = co_await acceptor_.async_accept(thread.context, kAwait);
    if (!error) {
      Hand(std::move(socket), thread);
    } else if (!stopped_) {
      co_await OnFailure(error);
    }
  }
}

void Acceptor::AcceptWaiting() {
  const std::size_t max_connections = MaxConnections();
  error_code error;
  acceptor_.non_blocking(true, error);
  // No more can have been waiting; those who keep coming would hold up the end.
  const auto waiting_max = static_cast<std::size_t>(server_.options.limits.listen_backlog);
  for (std::size_t next = 0; !error && next <= waiting_max; ++next) {
    if (server_.connections.size() >= max_connections) return;
    IoThread& thread = *threads_[next % threads_.size()];
    tcp::socket socket(thread.context);
    acceptor_.accept(socket, error);
    if (!error) Hand(std::move(socket), thread);
    // A client that left while it waited is no reason to leave out the others.
    if (error == asio::error::connection_aborted) error.clear();
  }
}

asio::awaitable<void> Acceptor::Pause(absl::Duration time) {
  timer_.expires_after(absl::ToChronoNanoseconds(time));
  co_await timer_.async_wait(kAwait);
}

void Acceptor::Hand(tcp::socket socket, IoThread& thread) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // The client has already left.
  const std::string address = PeerAddressText(peer.address());
  const auto connection = std::make_shared<Connection>(std::move(socket), address, server_, thread);
  if (!server_.connections.Add(address)) {
    server_.metrics.peer_limit_refusals.Increment();
    return;
  }
  server_.metrics.connections.Add(1);
  connection->Start();
}

asio::awaitable<void> Acceptor::OnFailure(error_code error) {
  server_.metrics.accept_failures.Increment();
  // A client that left before it was accepted is no reason to pause.
  if (error == asio::error::connection_aborted) co_return;
  Log(Severity::kWarning, "http_accept_failed", {{"what", error.message()}});
  if (error == asio::error::no_descriptors && reserve_ >= 0) {
    ::close(std::exchange(reserve_, -1));
    const int turned_away = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (turned_away >= 0) ::close(turned_away);
  }
  co_await Pause(server_.options.limits.accept_pause);
  if (reserve_ < 0) OpenReserve();
}

}  // namespace playlog::gateway
