#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_CHUNKED_BODY_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_CHUNKED_BODY_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace playlog::gateway {

// Takes a chunked body apart with Beast's parser. The parser sees a head of our own and never the
// client's, so whatever it merges into the fields is a trailer and is thrown away.
class ChunkedBody {
 public:
  enum class State { kMore, kComplete, kTooLarge, kMalformed };

  // A body of more than `max_bytes` is kTooLarge.
  explicit ChunkedBody(std::size_t max_bytes);
  ~ChunkedBody();

  // Reads from the front of what has arrived and says in `used` how much it is done with. The rest
  // is offered again with more behind it. A chunk's header, and the trailers together, must fit in
  // what is offered at once, so the caller's buffer bounds them.
  State Feed(std::string_view bytes, std::size_t& used);

  std::size_t size() const;
  std::string TakeBody();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_CHUNKED_BODY_H_
