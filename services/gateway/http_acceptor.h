#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_ACCEPTOR_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_ACCEPTOR_H_

// Of the server's own files only: this header brings Asio with it.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/gateway/http_server_state.h"

namespace playlog::gateway {

// The address in its usual form; one of IPv4 that came over a socket of IPv6 is IPv4's.
std::string PeerAddressText(const boost::asio::ip::address& address);

// Accepts connections on the first thread and hands them out to all in turn. When descriptors or
// memory run out it pauses; when there are as many connections as allowed, it waits for one to end.
class Acceptor {
 public:
  Acceptor(ServerState& server, std::vector<std::unique_ptr<IoThread>>& threads);
  ~Acceptor();

  // Binds and listens.
  absl::Status Open(const std::string& address);
  int port() const { return port_; }

  // Begins to accept.
  void Start();
  // Accepts who is connected already, and stops; on the first thread.
  void Stop();

 private:
  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<void> Pause(absl::Duration time);
  // Accepts those who wait now, as many as the queue holds, without waiting for anybody.
  void AcceptWaiting();
  void Hand(boost::asio::ip::tcp::socket socket, IoThread& thread);
  boost::asio::awaitable<void> OnFailure(boost::system::error_code error);
  void OpenReserve();
  std::size_t MaxConnections() const;

  ServerState& server_;
  std::vector<std::unique_ptr<IoThread>>& threads_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  int port_ = 0;
  // Given up when no descriptor is left, so that the client that waits longest can be turned away
  // instead of waiting for nothing.
  int reserve_ = -1;
  bool stopped_ = false;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_ACCEPTOR_H_
