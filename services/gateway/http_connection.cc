#include "services/gateway/http_connection.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <exception>
#include <utility>

#include "absl/time/time.h"
#include "common/base/log.h"

namespace playlog::gateway {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

std::string WhatOf(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::string peer_address, ServerState& server,
                       IoThread& thread)
    : socket_(std::move(socket)),
      peer_address_(std::move(peer_address)),
      server_(server),
      thread_(thread),
      limits_(server.options.limits),
      buffer_(limits_.read_buffer_bytes),
      deadline_timer_(socket_.get_executor()),
      wake_timer_(socket_.get_executor()),
      stall_timer_(socket_.get_executor()),
      opened_(Clock::now()) {}

void Connection::Start() {
  const std::shared_ptr<Connection> self = shared_from_this();
  asio::co_spawn(socket_.get_executor(), Run(self), [self](const std::exception_ptr& exception) {
    if (exception != nullptr) {
      self->server_.metrics.loop_exceptions.Increment();
      Log(Severity::kError, "http_connection_failed", {{"what", WhatOf(exception)}});
      self->Reset();
    }
    self->EndRequest();
    error_code ignored;
    self->socket_.close(ignored);
    self->deadline_timer_.cancel();
    self->thread_.connections.erase(self.get());
    self->server_.metrics.connections.Add(-1);
    self->server_.connections.Remove(self->peer_address_);
  });
}

Connection::Awaitable<void> Connection::Run(std::shared_ptr<Connection> self) {
  self->thread_.connections.insert(self.get());
  error_code ignored;
  self->socket_.non_blocking(true, ignored);
  self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  self->socket_.set_option(asio::socket_base::send_buffer_size(self->limits_.send_buffer_bytes),
                           ignored);
  while (co_await self->ServeOne()) {
  }
  if (self->lingers_ && !self->cut_) co_await self->Linger();
}

Connection::Awaitable<bool> Connection::ServeOne() {
  BeginRequest();
  Step step = co_await ReadHead();
  first_request_ = false;
  if (step == Step::kGo) step = co_await ReadBody();
  if (step == Step::kGo) {
    request_read_ = true;
    BuildRequest();
    step = co_await Admit();
  }
  bool goes_on = false;
  if (step == Step::kGo) {
    goes_on = co_await Handle();
  } else if (step == Step::kRefuse) {
    goes_on = co_await Refuse();
  }
  EndRequest();
  co_return goes_on && !cut_;
}

void Connection::BeginRequest() {
  began_.reset();
  head_ = RequestHead();
  request_ = HttpRequest();
  body_.clear();
  refusal_.reset();
  framing_ = AnswerFraming::Kind::kLength;
  answer_begun_ = false;
  is_event_stream_ = false;
  is_head_ = false;
  request_read_ = false;
  closes_ = false;
  access_ = HttpAccess();
  access_.request_id = MakeRequestId();
}

// Gives back what the request held and tells the log. Also runs after an exception, so each part
// can be there or not.
void Connection::EndRequest() {
  StopWatchingClient();
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->Close(access_.complete);
  if (place_.has_value()) {
    server_.admission.Leave(*place_);
    place_.reset();
  }
  server_.held_body_bytes -= std::exchange(held_body_bytes_, 0);
  if (!began_.has_value()) return;
  access_.duration = absl::FromChrono(Clock::now() - *began_);
  began_.reset();
  access_.method = head_.method.empty() ? "-" : head_.method;
  access_.path = head_.path.empty() ? "-" : head_.path;
  access_.peer_address = peer_address_;
  server_.metrics.CountAnswer(access_.status, access_.duration);
  server_.options.access_log(access_);
}

void Connection::BuildRequest() {
  request_.method = head_.method;
  request_.target = std::move(head_.target);
  request_.path = head_.path;
  request_.query = std::move(head_.query);
  request_.headers = std::move(head_.headers);
  request_.body = std::move(body_);
  request_.head = is_head_;
  request_.version = head_.version;
  request_.peer_address = peer_address_;
  request_.request_id = access_.request_id;
}

Connection::Step Connection::RefuseWith(ErrorCode code, std::string_view detail) {
  refusal_ = HttpRefusal{code, std::string(detail)};
  return Step::kRefuse;
}

Connection::Awaitable<Connection::Step> Connection::Admit() {
  if (server_.options.is_never_shed(request_)) co_return Step::kGo;
  place_.emplace([self = shared_from_this()] {
    asio::post(self->socket_.get_executor(), [self] { self->Wake(); });
  });
  Admission::Answer answer = server_.admission.Enter(*place_);
  const Clock::time_point until = Clock::now() + absl::ToChronoNanoseconds(limits_.queue_age);
  while (answer == Admission::Answer::kWait) {
    co_await WaitForWake(until);
    if (cut_) co_return Step::kEnd;
    answer =
        Clock::now() < until ? server_.admission.Look(*place_) : server_.admission.GiveUp(*place_);
  }
  if (answer == Admission::Answer::kAdmitted) co_return Step::kGo;
  co_return RefuseWith(errors::v1::ERROR_CODE_OVERLOADED, "Try again after the given time.");
}

// A request that was refused for overload may have been read to its end, and then the connection
// goes on. After any other refusal it isn't known where the next request begins.
Connection::Awaitable<bool> Connection::Refuse() {
  const HttpRefusal refusal = *refusal_;
  server_.metrics.CountRefusal(refusal.code);
  closes_ = closes_ || !request_read_;
  HttpResponse response =
      server_.options.make_error(refusal.code, refusal.detail, access_.request_id);
  if (refusal.code == errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED) {
    response.headers.emplace_back("Allow", kKnownMethods);
  }
  is_head_ = head_.method == "HEAD";
  const bool written = co_await WriteWhole(std::move(response));
  lingers_ = written && closes_;
  co_return written && !closes_;
}

Connection::Awaitable<bool> Connection::Handle() {
  exchange_ = std::make_shared<ExchangeState>(
      [self = shared_from_this()] {
        asio::post(self->socket_.get_executor(), [self] { self->Wake(); });
      },
      limits_.pending_bytes);
  try {
    server_.handler.Handle(std::move(request_), MakeExchange(exchange_));
  } catch (const std::exception& e) {
    // The exchange that the handler dropped answers 500.
    Log(Severity::kError, "http_handler_threw",
        {{"what", e.what()}, {"request_id", access_.request_id}});
  }
  const bool complete = co_await RelayAnswer();
  lingers_ = complete && closes_;
  if (!complete) Reset();
  co_return complete && !closes_;
}

// Passes on what the handler leaves in the exchange, until it has ended the answer. Returns whether
// the whole answer was handed on.
Connection::Awaitable<bool> Connection::RelayAnswer() {
  while (true) {
    ExchangeState::Output output = exchange_->Take();
    if (cut_) co_return false;
    if (output.Empty()) {
      WatchClient();
      co_await WaitForWake(Clock::time_point::max());
      continue;
    }
    if (output.aborted) {
      if (answer_begun_) co_return false;
      HttpResponse error =
          server_.options.make_error(errors::v1::ERROR_CODE_INTERNAL, "", access_.request_id);
      const bool written = co_await WriteWhole(std::move(error));
      co_return written;
    }
    const bool ends = output.ended || (output.begins && is_head_);
    output.ended = ends;
    if (!co_await WriteOutput(std::move(output))) co_return false;
    if (access_.complete) co_return true;
    exchange_->Taken();
  }
}

void Connection::FinishSoon() {
  error_code ignored;
  if (idle_) socket_.cancel(ignored);
  // It may go on for hours, and its clients begin anew by themselves.
  if (is_event_stream_) Cut();
}

void Connection::Cut() {
  cut_ = true;
  Reset();
  Wake();
}

void Connection::Wake() { wake_timer_.cancel(); }

Connection::Awaitable<void> Connection::WaitForWake(Clock::time_point until) {
  wake_timer_.expires_at(until);
  co_await wake_timer_.async_wait(kAwait);
}

// While the handler works nothing is read, so that pipelined requests wait in the kernel; but if
// the client leaves, the handler shall know.
void Connection::WatchClient() {
  if (watching_) return;
  watching_ = true;
  auto on_readable = [self = shared_from_this(), round = ++watch_round_](error_code error) {
    if (round != self->watch_round_ || error) return;
    self->OnClientReadable();
  };
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     asio::bind_cancellation_slot(watch_cancel_.slot(), std::move(on_readable)));
}

void Connection::StopWatchingClient() {
  if (!watching_) return;
  watching_ = false;
  ++watch_round_;
  watch_cancel_.emit(asio::cancellation_type::terminal);
}

// Data is the next request: there is no looking past it, so a client that leaves after it is only
// noticed when the answer is written. An end of the stream may be a half-closed connection whose
// client still reads, so the answer, if the handler has one all the same, is still sent.
void Connection::OnClientReadable() {
  char byte = 0;
  const ssize_t size = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool left = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
  if (left && exchange_ != nullptr) exchange_->Cancel();
}

}  // namespace playlog::gateway
