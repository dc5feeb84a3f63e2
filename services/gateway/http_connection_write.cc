#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/log.h"
#include "services/gateway/http_connection.h"

namespace playlog::gateway {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kEndAndLastChunk = "\r\n0\r\n\r\n";
// How often within the stall time a slow reader is looked at.
constexpr int kStallLooks = 10;

// Removes the first bytes of the buffers.
void Advance(std::array<asio::const_buffer, 3>& buffers, std::size_t bytes) {
  for (asio::const_buffer& buffer : buffers) {
    const std::size_t taken = std::min(bytes, buffer.size());
    buffer += taken;
    bytes -= taken;
  }
}

}  // namespace

std::string Connection::FormatHead(const HttpResponse& head, AnswerFraming::Kind kind) {
  AnswerFraming framing;
  framing.kind = HasNoBody(head.status) ? AnswerFraming::Kind::kNone : kind;
  framing.length = head.body.size();
  framing_ = framing.kind;
  closes_ = closes_ || server_.draining || framing_ == AnswerFraming::Kind::kUntilClose;
  framing.close = closes_;
  answer_begun_ = true;
  access_.status = head.status;
  return FormatAnswerHead(head.status, head.headers, framing, access_.request_id,
                          server_.options.is_https);
}

Connection::Awaitable<bool> Connection::WriteWhole(HttpResponse response) {
  if (!IsSoundAnswer(response.status, response.headers)) {
    Log(Severity::kError, "http_answer_unsound", {{"request_id", access_.request_id}});
    response = server_.options.make_error(errors::v1::ERROR_CODE_INTERNAL, "", access_.request_id);
  }
  const std::string head = FormatHead(response, AnswerFraming::Kind::kLength);
  const bool has_body = !is_head_ && framing_ == AnswerFraming::Kind::kLength;
  const std::string_view body = has_body ? std::string_view(response.body) : std::string_view();
  access_.body_bytes = body.size();
  access_.complete = co_await Write(head, body);
  co_return access_.complete;
}

// Writes one piece of a streamed answer, or a whole one. access_.complete tells the end.
Connection::Awaitable<bool> Connection::WriteOutput(ExchangeState::Output output) {
  if (output.whole || (output.begins && !IsSoundAnswer(output.head.status, output.head.headers))) {
    co_return co_await WriteWhole(std::move(output.head));
  }
  std::string head;
  if (output.begins) {
    head = FormatHead(output.head, head_.version == 10 ? AnswerFraming::Kind::kUntilClose
                                                       : AnswerFraming::Kind::kChunked);
    is_event_stream_ = IsEventStream(output.head.headers);
    if (is_event_stream_ && server_.draining) co_return false;
    // It waits for something to happen, and would hold up the requests that wait for us.
    if (is_event_stream_ && place_.has_value()) server_.admission.BecomeStream(*place_);
  }
  const bool has_body = !is_head_ && framing_ != AnswerFraming::Kind::kNone;
  if (!has_body) output.data.clear();
  std::string_view tail;
  if (has_body && framing_ == AnswerFraming::Kind::kChunked) {
    if (!output.data.empty()) {
      absl::StrAppend(&head, absl::Hex(output.data.size()), "\r\n");
      tail = output.ended ? kEndAndLastChunk : kEndAndLastChunk.substr(0, 2);
    } else if (output.ended) {
      tail = kLastChunk;
    }
  }
  access_.body_bytes += output.data.size();
  const bool written = co_await Write(head, output.data, tail);
  access_.complete = written && output.ended;
  co_return written;
}

// Most answers fit in the kernel's buffer, so they are tried at once, without a round through the
// event loop.
Connection::Awaitable<bool> Connection::Write(std::string_view head, std::string_view data,
                                              std::string_view tail) {
  std::array<asio::const_buffer, 3> buffers = {asio::const_buffer(head.data(), head.size()),
                                               asio::const_buffer(data.data(), data.size()),
                                               asio::const_buffer(tail.data(), tail.size())};
  if (asio::buffer_size(buffers) == 0) co_return true;
  if (cut_) co_return false;
  error_code error;
  const std::size_t size = socket_.write_some(buffers, error);
  if (error && error != asio::error::would_block) co_return false;
  written_bytes_ += size;
  Advance(buffers, size);
  if (asio::buffer_size(buffers) == 0) co_return true;
  co_return co_await WriteRest(buffers);
}

// The reader is slower than we are.
Connection::Awaitable<bool> Connection::WriteRest(std::array<asio::const_buffer, 3> buffers) {
  if (place_.has_value()) server_.admission.BecomeStream(*place_);
  stall_window_ = Clock::now();
  stall_window_bytes_ = Acknowledged();
  ++stall_round_;
  WatchStall();
  bool written = true;
  while (written && asio::buffer_size(buffers) > 0) {
    const auto [error, size] = co_await socket_.async_write_some(buffers, kAwait);
    written_bytes_ += size;
    Advance(buffers, size);
    written = !error && !cut_;
  }
  ++stall_round_;
  stall_timer_.cancel();
  co_return written;
}

void Connection::WatchStall() {
  stall_timer_.expires_after(absl::ToChronoNanoseconds(limits_.write_stall_time / kStallLooks));
  auto on_look = [self = shared_from_this(), round = stall_round_](error_code error) {
    if (error || round != self->stall_round_) return;
    if (!self->IsStalled()) {
      self->WatchStall();
      return;
    }
    Log(Severity::kInfo, "http_reader_stalled", {{"request_id", self->access_.request_id}});
    error_code ignored;
    self->socket_.cancel(ignored);
  };
  stall_timer_.async_wait(std::move(on_look));
}

// The reader has to take the least rate in every window.
bool Connection::IsStalled() {
  const double seconds = absl::ToDoubleSeconds(limits_.write_stall_time);
  const auto least =
      static_cast<std::uint64_t>(static_cast<double>(limits_.least_bytes_per_second) * seconds);
  const std::uint64_t acknowledged = Acknowledged();
  if (acknowledged >= stall_window_bytes_ + least) {
    stall_window_bytes_ = acknowledged;
    stall_window_ = Clock::now();
    return false;
  }
  return Clock::now() - stall_window_ >= absl::ToChronoNanoseconds(limits_.write_stall_time);
}

// What the client's kernel has taken, which says more than what ours has: ours takes large pieces
// at long intervals.
std::uint64_t Connection::Acknowledged() {
  int unacknowledged = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &unacknowledged) != 0) return written_bytes_;
  return written_bytes_ - std::min(written_bytes_, static_cast<std::uint64_t>(unacknowledged));
}

// Ends the connection with a TCP reset, and the kernel drops what it still holds for the client.
void Connection::Reset() {
  error_code ignored;
  if (!socket_.is_open()) return;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace playlog::gateway
