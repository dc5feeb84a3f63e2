#include "tests/standins/http_listener.h"

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <exception>
#include <utility>

namespace playlog::standins {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxHeadBytes = 64 * 1024;
constexpr std::size_t kMaxBodyBytes = 4 * 1024 * 1024;
constexpr std::size_t kReadBytes = 16 * 1024;
// Half a second of rest when the process is out of file descriptors, instead of a busy loop.
constexpr std::chrono::milliseconds kAcceptPause{500};

// Appends what arrives next. False at the end of the stream.
asio::awaitable<bool> ReadMore(tcp::socket& socket, std::string& buffer) {
  const std::size_t before = buffer.size();
  buffer.resize(before + kReadBytes);
  error_code error;
  const std::size_t count =
      co_await socket.async_read_some(asio::buffer(buffer.data() + before, kReadBytes),
                                      asio::redirect_error(asio::use_awaitable, error));
  buffer.resize(before + count);
  co_return !error && count > 0;
}

asio::awaitable<bool> WriteAll(tcp::socket& socket, std::string_view bytes) {
  error_code error;
  co_await asio::async_write(socket, asio::buffer(bytes.data(), bytes.size()),
                             asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

asio::awaitable<void> Pause(tcp::socket& socket, std::int64_t pause_ms) {
  if (pause_ms <= 0) co_return;
  asio::steady_timer timer(socket.get_executor(), std::chrono::milliseconds(pause_ms));
  error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<bool> SendSteps(tcp::socket& socket, const Answer& answer) {
  for (const Step& step : answer.steps) {
    for (std::int64_t round = 0; round < step.repeat; ++round) {
      const std::size_t piece = step.piece_bytes == 0 ? step.bytes.size() : step.piece_bytes;
      std::string_view rest = step.bytes;
      do {
        co_await Pause(socket, step.pause_ms);
        if (!co_await WriteAll(socket, rest.substr(0, piece))) co_return false;
        rest.remove_prefix(std::min(piece, rest.size()));
      } while (!rest.empty());
    }
  }
  co_return true;
}

void CloseWith(tcp::socket& socket, bool reset) {
  error_code ignored;
  if (reset) {
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
  } else {
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }
  socket.close(ignored);
}

asio::awaitable<void> WaitUntilPeerCloses(tcp::socket& socket) {
  std::string discarded;
  while (co_await ReadMore(socket, discarded)) discarded.clear();
}

std::size_t BodyLength(const HttpRequest& request) {
  const std::string text = request.Header("Content-Length").value_or("0");
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return kMaxBodyBytes + 1;
  return length;
}

// Reads one request off the connection. `refusal` is set when it cannot be served; both empty
// mean that the peer is gone.
struct Received {
  std::optional<HttpRequest> request;
  int refusal_status = 0;
};

asio::awaitable<Received> ReceiveRequest(tcp::socket& socket, std::string& buffer) {
  Received received;
  std::size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (buffer.size() > kMaxHeadBytes) {
      received.refusal_status = 431;
      co_return received;
    }
    if (!co_await ReadMore(socket, buffer)) co_return received;
  }
  std::optional<HttpRequest> request = ParseHead(std::string_view(buffer).substr(0, head_end));
  buffer.erase(0, head_end + 4);
  if (!request) {
    received.refusal_status = 400;
    co_return received;
  }
  const std::size_t length = BodyLength(*request);
  if (length > kMaxBodyBytes || request->Header("Transfer-Encoding").has_value()) {
    received.refusal_status = length > kMaxBodyBytes ? 413 : 411;
    co_return received;
  }
  if (request->Header("Expect").has_value() && buffer.size() < length) {
    if (!co_await WriteAll(socket, "HTTP/1.1 100 Continue\r\n\r\n")) co_return received;
  }
  while (buffer.size() < length) {
    if (!co_await ReadMore(socket, buffer)) co_return received;
  }
  request->body = buffer.substr(0, length);
  buffer.erase(0, length);
  received.request = std::move(request);
  co_return received;
}

Answer Refusal(int status) {
  Answer answer = Render(TextContent(status, "text/plain", "refused by the stand-in\n"));
  answer.ending = Ending::kClose;
  return answer;
}

Answer AnswerTo(const HttpListener::Handler& handler, const HttpRequest& request) {
  try {
    return handler(request);
  } catch (const std::exception& error) {
    return Render(TextContent(500, "text/plain", std::string("stand-in: ") + error.what() + "\n"));
  }
}

asio::awaitable<void> Serve(tcp::socket& socket, const HttpListener::Handler& handler) {
  std::string buffer;
  for (;;) {
    const Received received = co_await ReceiveRequest(socket, buffer);
    if (!received.request && received.refusal_status == 0) co_return;
    const Answer answer =
        received.request ? AnswerTo(handler, *received.request) : Refusal(received.refusal_status);
    if (!co_await SendSteps(socket, answer)) co_return;
    if (answer.ending == Ending::kHang) {
      co_await WaitUntilPeerCloses(socket);
      co_return;
    }
    if (answer.ending != Ending::kKeepAlive || !received.request->keep_alive) {
      CloseWith(socket, answer.ending == Ending::kReset);
      co_return;
    }
  }
}

}  // namespace

struct HttpListener::State {
  State(const std::string& ip_address, std::uint16_t port, int most, Handler answerer)
      : acceptor(io, tcp::endpoint(asio::ip::make_address(ip_address), port)),
        signals(io),
        max_connections(most),
        handler(std::move(answerer)) {}

  asio::awaitable<void> Connection(tcp::socket socket) {
    if (++connections > max_connections) {
      const Answer refusal = Refusal(503);
      co_await SendSteps(socket, refusal);
      CloseWith(socket, false);
    } else {
      co_await Serve(socket, handler);
    }
    --connections;
  }

  asio::awaitable<void> AcceptForEver() {
    for (;;) {
      error_code error;
      tcp::socket socket =
          co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        asio::steady_timer rest(io, kAcceptPause);
        co_await rest.async_wait(asio::use_awaitable);
        continue;
      }
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      asio::co_spawn(io, Connection(std::move(socket)), asio::detached);
    }
  }

  // First among the members: everything else is made on it and must go before it.
  asio::io_context io{1};
  tcp::acceptor acceptor;
  asio::signal_set signals;
  int connections = 0;
  const int max_connections;
  const Handler handler;
};

HttpListener::HttpListener(const std::string& ip_address, std::uint16_t port, int max_connections,
                           Handler handler)
    : state_(std::make_unique<State>(ip_address, port, max_connections, std::move(handler))) {}

HttpListener::~HttpListener() = default;

std::uint16_t HttpListener::port() const { return state_->acceptor.local_endpoint().port(); }

void HttpListener::Run(bool until_signal) {
  if (until_signal) {
    state_->signals.add(SIGTERM);
    state_->signals.add(SIGINT);
    state_->signals.async_wait([this](const error_code& error, int) {
      if (!error) state_->io.stop();
    });
  }
  asio::co_spawn(state_->io, state_->AcceptForEver(), asio::detached);
  state_->io.run();
}

void HttpListener::Stop() { state_->io.stop(); }

}  // namespace playlog::standins
