#ifndef PLAYLOG_TESTS_HARNESS_HTTP_CLIENT_H_
#define PLAYLOG_TESTS_HARNESS_HTTP_CLIENT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace playlog::harness {

// One HTTP answer, as it came.
struct HttpAnswer {
  int status = 0;  // 0: none came.
  std::string status_line;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  std::string body;                                          // Without the chunks' framing.
  bool whole = false;  // The body came to the end that its framing gives.
  absl::Duration first_byte = absl::InfiniteDuration();  // From the last send.
  absl::Duration duration = absl::InfiniteDuration();    // To the last byte.

  // The field's value, "" if it is absent.
  std::string Header(std::string_view name) const;
  int CountHeaders(std::string_view name) const;
};

// A connection to the gateway that sends whatever bytes a test wants and reads strictly. Nothing
// throws: what goes wrong shows in the results. For one thread at a time.
class HttpConnection {
 public:
  // Connects to 127.0.0.1:port, from another loopback address if one is given. A small receive
  // buffer makes a reader that stalls soon.
  explicit HttpConnection(int port, const std::string& source_address = "",
                          int receive_buffer_bytes = 0);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  bool connected() const { return socket_ >= 0; }

  // Sends all of it; false if the other side has closed or does not take it within 30 s.
  bool Send(std::string_view bytes);
  // Says that nothing more will be sent.
  void ShutdownWrite();
  // Ends the connection with a reset instead of a close.
  void Reset();

  // Reads one answer, after any 1xx. `has_body` is false for answers to HEAD.
  HttpAnswer Read(absl::Duration time = absl::Seconds(40), bool has_body = true);
  // Reads up to `count` bytes as they come; fewer only if the other side closed or time is over.
  std::string ReadBytes(std::size_t count, absl::Duration time);
  // Whether the other side closes within the time; bytes that come before go to `left`.
  bool AwaitClose(absl::Duration time, std::string* left = nullptr);
  // What came and no answer has taken.
  const std::string& unread() const { return buffer_; }

 private:
  // Waits for more bytes and keeps them. False at the end, a reset or when time is over.
  bool Fill(absl::Time end);
  bool ReadHead(absl::Time end, HttpAnswer& answer);
  bool ReadChunks(absl::Time end, HttpAnswer& answer);
  std::optional<std::string> TakeLine(absl::Time end);
  bool TakeBytes(std::size_t count, absl::Time end, std::string& to);

  int socket_ = -1;
  bool closed_ = false;
  std::string buffer_;
  absl::Time sent_at_ = absl::InfinitePast();
};

// Sends one request on a connection of its own and reads one answer.
HttpAnswer Exchange(int port, std::string_view request, absl::Duration time = absl::Seconds(40),
                    bool has_body = true);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_HTTP_CLIENT_H_
