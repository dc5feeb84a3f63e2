#include "services/gateway/http_chunked_body.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <exception>
#include <functional>

#include "services/gateway/http_guard.h"

namespace playlog::gateway {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::string_view kHead = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

// What follows the start of a chunk's header is at least the last chunk and the empty line.
constexpr std::size_t kLeastBytes = std::string_view("0\r\n\r\n").size();

// Nobody has a use for extensions; one of the size of a whole header section is an attack.
constexpr std::size_t kExtensionBytesMax = 8 * 1024;

// Beast lets control characters pass inside a quoted extension, where other readers see the end of
// the line. Extensions mean nothing here; sound ones are ignored.
bool IsSoundExtension(std::string_view extension) {
  return extension.size() <= kExtensionBytesMax && IsFieldValue(extension) &&
         std::count(extension.begin(), extension.end(), '"') % 2 == 0;
}

// Judges a chunk's header of which the end hasn't come yet (the end of the line before may stand in
// front of it): the parser would wait for more where nothing can make it sound.
bool CanBecomeSound(std::string_view bytes) {
  if (bytes.substr(0, 2) == "\r\n") bytes.remove_prefix(2);
  for (std::size_t at = 0; (at = bytes.find('\n', at)) != std::string_view::npos; ++at) {
    if (at == 0 || bytes[at - 1] != '\r') return false;
  }
  const std::size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos) return bytes.size() <= kExtensionBytesMax;
  return IsSoundExtension(bytes.substr(0, line_end));
}

}  // namespace

class ChunkedBody::Impl {
 public:
  explicit Impl(std::size_t max_bytes) {
    parser.eager(true);
    parser.body_limit(max_bytes);
    parser.on_chunk_header(check_extension);
    error_code error;
    parser.put(boost::asio::buffer(kHead.data(), kHead.size()), error);
  }

  // Trailers that frame a message are an attack on whoever takes them for header fields.
  bool HasFramingTrailer() const {
    return parser.get().count(http::field::transfer_encoding) > 1 ||
           parser.get().count(http::field::content_length) > 0;
  }

  std::function<void(std::uint64_t, boost::beast::string_view, error_code&)> check_extension =
      [](std::uint64_t, boost::beast::string_view extension, error_code& error) {
        if (!IsSoundExtension({extension.data(), extension.size()})) {
          error = http::error::bad_chunk_extension;
        }
      };
  http::request_parser<http::string_body> parser;
  // The parser stopped before the end of a chunk's header.
  bool in_chunk_header = false;
};

ChunkedBody::ChunkedBody(std::size_t max_bytes) : impl_(std::make_unique<Impl>(max_bytes)) {}
ChunkedBody::~ChunkedBody() = default;

ChunkedBody::State ChunkedBody::Feed(std::string_view bytes, std::size_t& used) {
  used = 0;
  // The parser asserts, wrongly, that it is not asked again about a part of the last chunk.
  if (impl_->in_chunk_header && bytes.size() < kLeastBytes) return State::kMore;
  error_code error;
  try {
    used = impl_->parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  } catch (const std::exception&) {
    // The parser throws where a field is longer than it can count.
    return State::kMalformed;
  }
  impl_->in_chunk_header = error == http::error::need_more;
  if (impl_->in_chunk_header) {
    return CanBecomeSound(bytes.substr(used)) ? State::kMore : State::kMalformed;
  }
  if (error == http::error::body_limit) return State::kTooLarge;
  if (error) return State::kMalformed;
  if (!impl_->parser.is_done()) return State::kMore;
  return impl_->HasFramingTrailer() ? State::kMalformed : State::kComplete;
}

std::size_t ChunkedBody::size() const { return impl_->parser.get().body().size(); }

std::string ChunkedBody::TakeBody() { return std::move(impl_->parser.get().body()); }

}  // namespace playlog::gateway
