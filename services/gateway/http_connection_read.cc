#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/gateway/http_chunked_body.h"
#include "services/gateway/http_connection.h"

namespace playlog::gateway {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// An idle connection holds this much; the buffer grows to its full size under a body.
constexpr std::size_t kHeadReadBytes = 4096;

}  // namespace

std::string_view Connection::Buffered() const {
  const asio::const_buffer data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

Connection::Awaitable<Connection::Step> Connection::ReadHead() {
  const Clock::time_point idle_since = Clock::now();
  // RFC 9112, section 2.2: one empty line before a request is the end of the one before, as old
  // clients send it.
  bool may_skip_line = true;
  while (true) {
    if (may_skip_line && Buffered().substr(0, 2) == "\r\n") {
      buffer_.consume(2);
      may_skip_line = false;
    }
    if (Buffered() == "\r") {
      // Half of that empty line: nothing of a request yet.
    } else if (!Buffered().empty()) {
      if (!began_.has_value()) began_ = Clock::now();
      const std::size_t end = Buffered().find(kHeadEnd);
      if (end != std::string_view::npos) co_return TakeHead(end + kHeadEnd.size());
      refusal_ = CheckPartialHead(Buffered(), limits_, head_);
      if (refusal_.has_value()) co_return Step::kRefuse;
    }
    idle_ = !began_.has_value();
    error_code ignored;
    if (idle_ && server_.draining && socket_.available(ignored) == 0) co_return Step::kEnd;
    const Clock::time_point since = first_request_ ? opened_ : began_.value_or(idle_since);
    const absl::Duration time = idle_ && !first_request_ ? limits_.idle_time : limits_.header_time;
    const Read read = co_await ReadMore(since + absl::ToChronoNanoseconds(time), kHeadReadBytes);
    idle_ = false;
    if (read == Read::kSome) continue;
    if (!began_.has_value() || read == Read::kBroken) co_return Step::kEnd;
    co_return OnBodyNotRead(read);
  }
}

Connection::Step Connection::TakeHead(std::size_t size) {
  refusal_ = CheckHead(Buffered().substr(0, size), limits_, head_);
  buffer_.consume(size);
  is_head_ = head_.method == "HEAD";
  closes_ = head_.wants_close;
  return refusal_.has_value() ? Step::kRefuse : Step::kGo;
}

Connection::Awaitable<Connection::Step> Connection::ReadBody() {
  if (!head_.HasBody()) co_return Step::kGo;
  if (head_.expects_continue && Buffered().empty()) {
    const bool written = co_await Write(kContinue);
    if (!written) co_return Step::kEnd;
  }
  Step step = Step::kEnd;
  if (head_.chunked) {
    step = co_await ReadChunkedBody();
  } else {
    step = co_await ReadSizedBody();
  }
  co_return step;
}

Connection::Awaitable<Connection::Step> Connection::ReadSizedBody() {
  const Clock::time_point begin = Clock::now();
  const auto size = static_cast<std::size_t>(head_.content_length);
  while (true) {
    const std::string_view arrived = Buffered().substr(0, size - body_.size());
    if (!HoldBody(body_.size() + arrived.size())) {
      co_return RefuseWith(errors::v1::ERROR_CODE_OVERLOADED, "Try again after the given time.");
    }
    body_ += arrived;
    buffer_.consume(arrived.size());
    if (body_.size() == size) co_return Step::kGo;
    const Clock::time_point deadline = BodyDeadline(begin, body_.size());
    const Read read = co_await ReadMore(deadline, limits_.read_buffer_bytes);
    if (read != Read::kSome) co_return OnBodyNotRead(read);
  }
}

Connection::Awaitable<Connection::Step> Connection::ReadChunkedBody() {
  const Clock::time_point begin = Clock::now();
  ChunkedBody chunked(limits_.body_bytes);
  while (true) {
    std::size_t used = 0;
    const ChunkedBody::State state =
        Buffered().empty() ? ChunkedBody::State::kMore : chunked.Feed(Buffered(), used);
    buffer_.consume(used);
    if (state == ChunkedBody::State::kTooLarge) {
      co_return RefuseWith(errors::v1::ERROR_CODE_BODY_TOO_LARGE,
                           absl::StrCat("A body may have up to ", limits_.body_bytes, " bytes."));
    }
    if (state == ChunkedBody::State::kMalformed) {
      co_return RefuseWith(errors::v1::ERROR_CODE_BAD_REQUEST, "The chunked body is malformed.");
    }
    if (!HoldBody(chunked.size())) {
      co_return RefuseWith(errors::v1::ERROR_CODE_OVERLOADED, "Try again after the given time.");
    }
    if (state == ChunkedBody::State::kComplete) {
      body_ = chunked.TakeBody();
      co_return Step::kGo;
    }
    const Clock::time_point deadline = BodyDeadline(begin, chunked.size());
    const Read read = co_await ReadMore(deadline, limits_.read_buffer_bytes);
    if (read != Read::kSome) co_return OnBodyNotRead(read);
  }
}

Connection::Step Connection::OnBodyNotRead(Read read) {
  switch (read) {
    case Read::kTimedOut:
      return RefuseWith(errors::v1::ERROR_CODE_REQUEST_TIMEOUT, "Send the request faster.");
    case Read::kEndOfStream:
      return RefuseWith(errors::v1::ERROR_CODE_BAD_REQUEST, "The request is not complete.");
    case Read::kFull:
      return RefuseWith(errors::v1::ERROR_CODE_BAD_REQUEST, "A part of the request is too long.");
    default:
      return Step::kEnd;
  }
}

// Takes the body's share of the memory that all large bodies have together.
bool Connection::HoldBody(std::size_t bytes) {
  if (bytes <= limits_.read_buffer_bytes || bytes <= held_body_bytes_) return true;
  const std::size_t more = bytes - held_body_bytes_;
  if (server_.held_body_bytes.fetch_add(more) + more > limits_.bodies_bytes) {
    server_.held_body_bytes -= more;
    return false;
  }
  held_body_bytes_ = bytes;
  return true;
}

Connection::Clock::time_point Connection::BodyDeadline(Clock::time_point begin,
                                                       std::size_t received) const {
  const absl::Duration time =
      limits_.body_time + absl::Seconds(static_cast<double>(received) /
                                        static_cast<double>(limits_.least_bytes_per_second));
  return begin + absl::ToChronoNanoseconds(time);
}

Connection::Awaitable<Connection::Read> Connection::ReadMore(Clock::time_point deadline,
                                                             std::size_t at_most) {
  const std::size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) co_return Read::kFull;
  if (cut_) co_return Read::kBroken;
  SetDeadline(deadline);
  const asio::mutable_buffer target = buffer_.prepare(std::min(room, at_most));
  const auto [error, size] = co_await socket_.async_read_some(target, kAwait);
  deadline_ = Clock::time_point::max();
  buffer_.commit(size);
  if (!error) co_return Read::kSome;
  if (timed_out_) co_return Read::kTimedOut;
  if (error == asio::error::eof) co_return Read::kEndOfStream;
  co_return Read::kBroken;
}

void Connection::SetDeadline(Clock::time_point deadline) {
  timed_out_ = false;
  deadline_ = deadline;
  if (deadline < deadline_timer_at_) StartDeadlineTimer(deadline);
}

void Connection::StartDeadlineTimer(Clock::time_point at) {
  deadline_timer_at_ = at;
  deadline_timer_.expires_at(at);
  auto on_expiry = [self = shared_from_this(), round = ++deadline_round_](error_code error) {
    if (error || round != self->deadline_round_) return;
    self->deadline_timer_at_ = Clock::time_point::max();
    if (self->deadline_ == Clock::time_point::max()) return;
    if (Clock::now() < self->deadline_) {
      self->StartDeadlineTimer(self->deadline_);
      return;
    }
    // Only what is under way is cancelled: the socket stays open for the answer.
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  };
  deadline_timer_.async_wait(std::move(on_expiry));
}

// Closing a socket on which data waits unread sends a reset, and the client's kernel then throws
// the answer away. So we say that we are done, and read on for a while.
Connection::Awaitable<void> Connection::Linger() {
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const Clock::time_point deadline = Clock::now() + absl::ToChronoNanoseconds(limits_.linger_time);
  std::size_t discarded = 0;
  while (discarded < limits_.linger_bytes && !cut_) {
    buffer_.consume(buffer_.size());
    const Read read = co_await ReadMore(deadline, limits_.read_buffer_bytes);
    if (read != Read::kSome) co_return;
    discarded += buffer_.size();
  }
}

}  // namespace playlog::gateway
