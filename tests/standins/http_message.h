#ifndef PLAYLOG_TESTS_STANDINS_HTTP_MESSAGE_H_
#define PLAYLOG_TESTS_STANDINS_HTTP_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace playlog::standins {

using NameValues = std::vector<std::pair<std::string, std::string>>;

// One request as it came. Values only, safe to copy.
struct HttpRequest {
  std::string request_line;  // As received, without its line end.
  std::string method;
  std::string path;  // As received, up to the question mark.
  NameValues query;  // Percent-decoded, in order, repeated names kept.
  NameValues headers;
  std::string body;
  bool keep_alive = true;

  // The first header of that name, ignoring case.
  std::optional<std::string> Header(std::string_view name) const;
  // The last parameter of that name, which is the one that PHP services read.
  std::optional<std::string> Parameter(std::string_view name) const;
};

// What an answer says, before it is put into bytes (and perhaps broken on the way).
struct Content {
  int status = 200;
  NameValues headers;
  std::string body;
};

// A run of bytes of an answer. `pause_ms` is waited before each piece; a piece is the whole of
// `bytes` unless `piece_bytes` says less. The run is sent `repeat` times.
struct Step {
  std::string bytes;
  std::int64_t pause_ms = 0;
  std::size_t piece_bytes = 0;
  std::int64_t repeat = 1;
};

// What happens to the connection when all steps are sent.
enum class Ending { kKeepAlive, kClose, kReset, kHang };

// Bytes on the wire. `status` is only for the record of calls (0: no answer is sent).
struct Answer {
  int status = 200;
  std::vector<Step> steps;
  Ending ending = Ending::kKeepAlive;
};

// Parses a request head without its final empty line. Empty when it is no HTTP/1.x request.
std::optional<HttpRequest> ParseHead(std::string_view head);

// Decodes `a=b&c=d`, percent escapes and plus signs included.
NameValues ParseForm(std::string_view text);

std::string PercentDecode(std::string_view text);
std::string PercentEncode(std::string_view text);
bool EqualsIgnoringCase(std::string_view left, std::string_view right);

// "HTTP/1.1 200 OK" and the headers, each line with its end; no empty line.
std::string HeadOf(int status, const NameValues& headers);

// A well-formed answer with a Content-Length.
Answer Render(const Content& content);

Content JsonContent(int status, std::string body);
Content TextContent(int status, std::string type, std::string body);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_HTTP_MESSAGE_H_
