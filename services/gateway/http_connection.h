#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_CONNECTION_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_CONNECTION_H_

// Of the server's own files only: this header brings Asio and Beast with it.

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/gateway/http_admission.h"
#include "services/gateway/http_answer.h"
#include "services/gateway/http_exchange_state.h"
#include "services/gateway/http_guard.h"
#include "services/gateway/http_server_state.h"

namespace playlog::gateway {

// One client's connection: reads a request, has it answered, and so on, one after another. All of
// it runs on one thread, so nothing here is locked; what comes from other threads is posted.
//
// Three files: http_connection.cc has the course of things, http_connection_read.cc the reading
// and the deadlines, http_connection_write.cc the writing and the watch over slow readers.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::string peer_address, ServerState& server,
             IoThread& thread);

  // Begins to serve; any thread may call it.
  void Start();

  // The server is closing: an idle connection ends now, as does one whose answer is a stream of
  // events, and another after its request. On the connection's thread.
  void FinishSoon();

  // Ends the connection, whatever it is doing. On the connection's thread.
  void Cut();

 private:
  using Clock = std::chrono::steady_clock;
  template <class Result>
  using Awaitable = boost::asio::awaitable<Result>;

  enum class Step { kGo, kRefuse, kEnd };
  enum class Read { kSome, kTimedOut, kEndOfStream, kBroken, kFull };

  // The course of things.
  static Awaitable<void> Run(std::shared_ptr<Connection> self);
  Awaitable<bool> ServeOne();  // false: the connection ends
  void BeginRequest();
  void EndRequest();
  Awaitable<Step> Admit();
  Awaitable<bool> Handle();
  Awaitable<bool> RelayAnswer();
  Awaitable<bool> Refuse();
  void BuildRequest();
  Step RefuseWith(ErrorCode code, std::string_view detail);
  void Wake();
  Awaitable<void> WaitForWake(Clock::time_point until);
  void WatchClient();
  void StopWatchingClient();
  void OnClientReadable();

  // Reading.
  Awaitable<Step> ReadHead();
  Step TakeHead(std::size_t size);
  Awaitable<Step> ReadBody();
  Awaitable<Step> ReadSizedBody();
  Awaitable<Step> ReadChunkedBody();
  Step OnBodyNotRead(Read read);
  bool HoldBody(std::size_t bytes);
  Clock::time_point BodyDeadline(Clock::time_point begin, std::size_t received) const;
  Awaitable<Read> ReadMore(Clock::time_point deadline, std::size_t at_most);
  std::string_view Buffered() const;
  void SetDeadline(Clock::time_point deadline);
  void StartDeadlineTimer(Clock::time_point at);
  Awaitable<void> Linger();

  // Writing.
  Awaitable<bool> WriteWhole(HttpResponse response);
  Awaitable<bool> WriteOutput(ExchangeState::Output output);
  Awaitable<bool> Write(std::string_view head, std::string_view data = std::string_view(),
                        std::string_view tail = std::string_view());
  Awaitable<bool> WriteRest(std::array<boost::asio::const_buffer, 3> buffers);
  std::string FormatHead(const HttpResponse& head, AnswerFraming::Kind kind);
  void WatchStall();
  bool IsStalled();
  std::uint64_t Acknowledged();
  void Reset();

  boost::asio::ip::tcp::socket socket_;
  const std::string peer_address_;
  ServerState& server_;
  IoThread& thread_;
  const HttpLimits& limits_;
  boost::beast::flat_buffer buffer_;

  // One timer for all deadlines of reading. It is not moved with every deadline: it looks, when it
  // expires, at the deadline that holds by then.
  boost::asio::steady_timer deadline_timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point deadline_timer_at_ = Clock::time_point::max();
  int deadline_round_ = 0;
  bool timed_out_ = false;

  boost::asio::steady_timer wake_timer_;
  boost::asio::steady_timer stall_timer_;
  int stall_round_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t stall_window_bytes_ = 0;
  Clock::time_point stall_window_;

  boost::asio::cancellation_signal watch_cancel_;
  int watch_round_ = 0;
  bool watching_ = false;

  const Clock::time_point opened_;
  bool first_request_ = true;
  bool idle_ = false;
  bool cut_ = false;
  bool lingers_ = false;

  // Of the request that is served.
  std::optional<Clock::time_point> began_;
  RequestHead head_;
  HttpRequest request_;
  std::string body_;
  std::size_t held_body_bytes_ = 0;
  std::optional<HttpRefusal> refusal_;
  std::optional<Admission::Place> place_;
  std::shared_ptr<ExchangeState> exchange_;
  AnswerFraming::Kind framing_ = AnswerFraming::Kind::kLength;
  bool is_head_ = false;
  bool request_read_ = false;
  bool answer_begun_ = false;
  bool is_event_stream_ = false;
  bool closes_ = false;
  HttpAccess access_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_CONNECTION_H_
