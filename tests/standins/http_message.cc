#include "tests/standins/http_message.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace playlog::standins {
namespace {

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

const char* ReasonOf(int status) {
  struct Row {
    int status;
    const char* reason;
  };
  static constexpr std::array<Row, 25> kReasons = {{{200, "OK"},
                                                    {201, "Created"},
                                                    {204, "No Content"},
                                                    {301, "Moved Permanently"},
                                                    {302, "Found"},
                                                    {303, "See Other"},
                                                    {304, "Not Modified"},
                                                    {307, "Temporary Redirect"},
                                                    {308, "Permanent Redirect"},
                                                    {400, "Bad Request"},
                                                    {401, "Unauthorized"},
                                                    {403, "Forbidden"},
                                                    {404, "Not Found"},
                                                    {405, "Method Not Allowed"},
                                                    {408, "Request Timeout"},
                                                    {411, "Length Required"},
                                                    {413, "Payload Too Large"},
                                                    {418, "I'm a teapot"},
                                                    {429, "Too Many Requests"},
                                                    {431, "Request Header Fields Too Large"},
                                                    {500, "Internal Server Error"},
                                                    {501, "Not Implemented"},
                                                    {502, "Bad Gateway"},
                                                    {503, "Service Unavailable"},
                                                    {504, "Gateway Timeout"}}};
  for (const Row& row : kReasons) {
    if (row.status == status) return row.reason;
  }
  return "Unknown";
}

// Splits "METHOD target HTTP/1.x" into the request. False when it is something else.
bool ParseRequestLine(std::string_view line, HttpRequest& request) {
  request.request_line = line;
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return false;
  const std::string_view version = line.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return false;
  request.keep_alive = version == "HTTP/1.1";
  request.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (target.empty() || target.front() != '/') return false;
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = ParseForm(target.substr(question + 1));
  return true;
}

}  // namespace

std::optional<std::string> HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> HttpRequest::Parameter(std::string_view name) const {
  std::optional<std::string> found;
  for (const auto& [key, value] : query) {
    if (key == name) found = value;
  }
  return found;
}

bool EqualsIgnoringCase(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return Lower(a) == Lower(b); });
}

std::optional<HttpRequest> ParseHead(std::string_view head) {
  HttpRequest request;
  std::size_t end = std::min(head.find("\r\n"), head.size());
  if (!ParseRequestLine(head.substr(0, end), request)) return std::nullopt;
  while (end < head.size()) {
    head.remove_prefix(end + 2);
    end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    request.headers.emplace_back(line.substr(0, colon), Trimmed(line.substr(colon + 1)));
  }
  if (const std::optional<std::string> connection = request.Header("Connection")) {
    if (EqualsIgnoringCase(*connection, "close")) request.keep_alive = false;
    if (EqualsIgnoringCase(*connection, "keep-alive")) request.keep_alive = true;
  }
  return request;
}

NameValues ParseForm(std::string_view text) {
  NameValues pairs;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view value = equals < part.size() ? part.substr(equals + 1) : "";
    pairs.emplace_back(PercentDecode(part.substr(0, equals)), PercentDecode(value));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pairs;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHex[byte >> 4]);
      encoded.push_back(kHex[byte & 15]);
    }
  }
  return encoded;
}

std::string HeadOf(int status, const NameValues& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + ReasonOf(status) + "\r\n";
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  return head;
}

Answer Render(const Content& content) {
  std::string bytes = HeadOf(content.status, content.headers);
  const bool bodiless = content.status == 204 || content.status == 304;
  if (!bodiless) bytes += "Content-Length: " + std::to_string(content.body.size()) + "\r\n";
  bytes += "\r\n";
  if (!bodiless) bytes += content.body;
  Answer answer;
  answer.status = content.status;
  answer.steps.push_back({.bytes = std::move(bytes)});
  return answer;
}

Content JsonContent(int status, std::string body) {
  return TextContent(status, "application/json; charset=utf-8", std::move(body));
}

Content TextContent(int status, std::string type, std::string body) {
  Content content;
  content.status = status;
  content.headers = {{"Content-Type", std::move(type)}, {"Cache-Control", "private, max-age=0"}};
  content.body = std::move(body);
  return content;
}

}  // namespace playlog::standins
