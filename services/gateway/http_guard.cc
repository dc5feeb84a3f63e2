#include "services/gateway/http_guard.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::gateway {
namespace {

using Refusal = std::optional<HttpRefusal>;

constexpr std::size_t kMaxContentLengthDigits = 19;

HttpRefusal BadRequest(std::string_view detail) {
  return HttpRefusal{errors::v1::ERROR_CODE_BAD_REQUEST, std::string(detail)};
}

bool IsAlphaOrDigit(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }
bool IsOneOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool IsTokenCharacter(char c) { return IsAlphaOrDigit(c) || IsOneOf(c, "!#$%&'*+-.^_`|~"); }

// The characters of a path segment in RFC 3986, without the percent sign.
bool IsPathCharacter(char c) { return IsAlphaOrDigit(c) || IsOneOf(c, "-._~!$&'()*+,;=:@"); }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(ToAbsl(a), ToAbsl(b));
}

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsOneOf(text.front(), " \t")) text.remove_prefix(1);
  while (!text.empty() && IsOneOf(text.back(), " \t")) text.remove_suffix(1);
  return text;
}

// Splits a field value at its commas; elements come without blanks.
std::vector<std::string_view> SplitList(std::string_view value) {
  std::vector<std::string_view> elements;
  while (true) {
    const std::size_t comma = value.find(',');
    elements.push_back(TrimBlanks(value.substr(0, comma)));
    if (comma == std::string_view::npos) return elements;
    value.remove_prefix(comma + 1);
  }
}

// Line ends are CR LF and nothing else; no other control character than the tab is allowed.
Refusal CheckCharacters(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c == '\r') {
      if (i + 1 < bytes.size() && bytes[i + 1] != '\n') return BadRequest("A line ends in CR LF.");
    } else if (c == '\n') {
      if (i == 0 || bytes[i - 1] != '\r') return BadRequest("A line ends in CR LF.");
    } else if ((c < 0x20 && c != '\t') || c == 0x7F) {
      return BadRequest("Control characters are not allowed.");
    }
  }
  return std::nullopt;
}

Refusal CheckMethod(std::string_view method) {
  if (!IsToken(method)) return BadRequest("The method is malformed.");
  if (method == "TRACE" || method == "CONNECT") {
    return HttpRefusal{errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED,
                       absl::StrCat("Use one of ", ToAbsl(kKnownMethods), ".")};
  }
  for (const std::string_view known : SplitList(kKnownMethods)) {
    if (method == known) return std::nullopt;
  }
  return HttpRefusal{errors::v1::ERROR_CODE_NOT_IMPLEMENTED,
                     absl::StrCat("Use one of ", ToAbsl(kKnownMethods), ".")};
}

Refusal CheckVersion(std::string_view version, RequestHead& head) {
  const bool sound = version.size() == 8 && version.substr(0, 5) == "HTTP/" &&
                     IsDigit(version[5]) && version[6] == '.' && IsDigit(version[7]);
  if (!sound) return BadRequest("The request line is: method, target, HTTP/1.1.");
  if (version != "HTTP/1.0" && version != "HTTP/1.1") {
    return HttpRefusal{errors::v1::ERROR_CODE_VERSION_NOT_SUPPORTED, "Use HTTP/1.1."};
  }
  head.version = version == "HTTP/1.0" ? 10 : 11;
  return std::nullopt;
}

Refusal CheckTarget(std::string_view target, const HttpLimits& limits, RequestHead& head) {
  if (target.size() > limits.target_bytes) {
    return HttpRefusal{
        errors::v1::ERROR_CODE_URI_TOO_LONG,
        absl::StrCat("The target may have up to ", limits.target_bytes, " characters.")};
  }
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
  if (path.empty() || path.front() != '/') {
    return BadRequest("The target is a path that begins with a slash.");
  }
  const auto allowed_in_path = [](char c) { return IsPathCharacter(c) || IsOneOf(c, "/%"); };
  const auto allowed_in_query = [](char c) { return IsPathCharacter(c) || IsOneOf(c, "/%?"); };
  if (!std::all_of(path.begin(), path.end(), allowed_in_path) ||
      !std::all_of(query.begin(), query.end(), allowed_in_query)) {
    return BadRequest("The target has a character that must be percent-encoded.");
  }
  if (!IsSoundPercentEncoding(path) || !IsSoundPercentEncoding(query)) {
    return BadRequest("The target's percent-encoding must be valid UTF-8 without U+0000.");
  }
  head.target = target;
  head.path = path;
  head.query = query;
  return std::nullopt;
}

Refusal CheckRequestLine(std::string_view line, const HttpLimits& limits, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return BadRequest("The request line is: method, target, HTTP/1.1.");
  }
  const std::string_view method = line.substr(0, first);
  if (!IsToken(method)) return BadRequest("The method is malformed.");
  head.method = method;
  if (Refusal refusal = CheckVersion(line.substr(last + 1), head)) return refusal;
  if (Refusal refusal = CheckMethod(method)) return refusal;
  return CheckTarget(line.substr(first + 1, last - first - 1), limits, head);
}

Refusal CheckField(std::string_view line, RequestHead& head) {
  if (IsOneOf(line.front(), " \t")) return BadRequest("Folded header fields are not allowed.");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return BadRequest("A header field is a name, a colon and a value.");
  }
  const std::string_view name = line.substr(0, colon);
  if (IsOneOf('_', name)) return BadRequest("Field names with an underscore are not allowed.");
  head.headers.emplace_back(absl::AsciiStrToLower(ToAbsl(name)),
                            TrimBlanks(line.substr(colon + 1)));
  return std::nullopt;
}

// Fields that mean different things to different readers when they stand twice.
constexpr std::array<std::string_view, 7> kSingleFields = {
    "host",         "content-length", "transfer-encoding", "authorization",
    "content-type", "expect",         "content-encoding"};

Refusal CheckSingles(const RequestHead& head) {
  for (const std::string_view name : kSingleFields) {
    const auto is_it = [name](const auto& field) { return field.first == name; };
    if (std::count_if(head.headers.begin(), head.headers.end(), is_it) > 1) {
      return BadRequest(absl::StrCat("The field ", ToAbsl(name), " may stand once."));
    }
  }
  return std::nullopt;
}

const std::string* Find(const RequestHead& head, std::string_view name) {
  for (const auto& [field_name, value] : head.headers) {
    if (field_name == name) return &value;
  }
  return nullptr;
}

Refusal CheckHost(const RequestHead& head) {
  const std::string* host = Find(head, "host");
  if (host == nullptr) {
    if (head.version == 10) return std::nullopt;
    return BadRequest("Send one Host field.");
  }
  if (!IsAuthority(*host)) return BadRequest("The Host field must be a host and a port.");
  return std::nullopt;
}

Refusal CheckTransferEncoding(const std::string& value, RequestHead& head) {
  if (head.version == 10) return BadRequest("HTTP/1.0 has no Transfer-Encoding.");
  if (Find(head, "content-length") != nullptr) {
    return BadRequest("Send Content-Length or Transfer-Encoding, not both.");
  }
  if (EqualsIgnoringCase(value, "chunked")) {
    head.chunked = true;
    return std::nullopt;
  }
  const std::vector<std::string_view> codings = SplitList(value);
  const auto is_compression = [](std::string_view coding) {
    constexpr std::array<std::string_view, 5> kCompressions = {"gzip", "x-gzip", "deflate",
                                                               "compress", "x-compress"};
    return std::any_of(kCompressions.begin(), kCompressions.end(),
                       [coding](std::string_view one) { return EqualsIgnoringCase(coding, one); });
  };
  // A well-framed body in a coding that we don't have; everything else leaves the framing in doubt.
  if (codings.size() > 1 && EqualsIgnoringCase(codings.back(), "chunked") &&
      std::all_of(codings.begin(), codings.end() - 1, is_compression)) {
    return HttpRefusal{errors::v1::ERROR_CODE_NOT_IMPLEMENTED,
                       "The only transfer coding is chunked."};
  }
  return BadRequest("The only transfer coding is chunked.");
}

Refusal CheckFraming(const HttpLimits& limits, RequestHead& head) {
  if (const std::string* coding = Find(head, "transfer-encoding")) {
    return CheckTransferEncoding(*coding, head);
  }
  const std::string* length = Find(head, "content-length");
  if (length == nullptr) return std::nullopt;
  if (length->empty() || length->size() > kMaxContentLengthDigits ||
      !std::all_of(length->begin(), length->end(), IsDigit)) {
    return BadRequest("Content-Length must be one whole number.");
  }
  std::from_chars(length->data(), length->data() + length->size(), head.content_length);
  if (head.content_length > limits.body_bytes) {
    return HttpRefusal{errors::v1::ERROR_CODE_BODY_TOO_LARGE,
                       absl::StrCat("A body may have up to ", limits.body_bytes, " bytes.")};
  }
  return std::nullopt;
}

bool IsJson(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  if (!EqualsIgnoringCase(TrimBlanks(value.substr(0, semicolon)), "application/json")) return false;
  if (semicolon == std::string_view::npos) return true;
  const std::string_view parameter = TrimBlanks(value.substr(semicolon + 1));
  return EqualsIgnoringCase(parameter, "charset=utf-8") ||
         EqualsIgnoringCase(parameter, "charset=\"utf-8\"");
}

Refusal CheckBodyFields(const RequestHead& head) {
  if (Find(head, "content-encoding") != nullptr) {
    return HttpRefusal{errors::v1::ERROR_CODE_UNSUPPORTED_MEDIA_TYPE,
                       "Send the body without a Content-Encoding."};
  }
  if (!head.HasBody()) return std::nullopt;
  if (head.method != "POST" && head.method != "PUT" && head.method != "PATCH") {
    return BadRequest(absl::StrCat(head.method, " has no body."));
  }
  const std::string* type = Find(head, "content-type");
  if (type == nullptr || !IsJson(*type)) {
    return HttpRefusal{errors::v1::ERROR_CODE_UNSUPPORTED_MEDIA_TYPE,
                       "Send the body as application/json in UTF-8."};
  }
  return std::nullopt;
}

Refusal CheckExpect(RequestHead& head) {
  const std::string* expect = Find(head, "expect");
  if (expect == nullptr) return std::nullopt;
  if (!EqualsIgnoringCase(*expect, "100-continue")) {
    return HttpRefusal{errors::v1::ERROR_CODE_EXPECTATION_FAILED,
                       "The only expectation is 100-continue."};
  }
  head.expects_continue = head.version == 11;
  return std::nullopt;
}

void ReadConnection(RequestHead& head) {
  // HTTP/1.0's keep-alive is not offered: old intermediaries pass the field on blindly.
  head.wants_close = head.version == 10;
  for (const auto& [name, value] : head.headers) {
    if (name != "connection") continue;
    for (const std::string_view option : SplitList(value)) {
      if (EqualsIgnoringCase(option, "close")) head.wants_close = true;
    }
  }
}

Refusal CheckFields(std::string_view lines, const HttpLimits& limits, RequestHead& head) {
  while (lines.substr(0, 2) != "\r\n") {
    const std::size_t end = lines.find("\r\n");
    if (head.headers.size() == limits.header_fields) {
      return HttpRefusal{
          errors::v1::ERROR_CODE_HEADER_TOO_LARGE,
          absl::StrCat("A request may have up to ", limits.header_fields, " fields.")};
    }
    if (Refusal refusal = CheckField(lines.substr(0, end), head)) return refusal;
    lines.remove_prefix(end + 2);
  }
  return std::nullopt;
}

HttpRefusal HeaderTooLarge(const HttpLimits& limits) {
  return HttpRefusal{
      errors::v1::ERROR_CODE_HEADER_TOO_LARGE,
      absl::StrCat("The header section may have up to ", limits.header_bytes, " bytes.")};
}

bool IsIpLiteral(std::string_view text) {
  if (text.size() < 4 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  return std::count(text.begin(), text.end(), ':') >= 2 &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsHexDigit(c) || IsOneOf(c, ":."); });
}

}  // namespace

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
}

bool IsSoundPercentEncoding(std::string_view text) {
  if (text.find('%') == std::string_view::npos) return true;
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !IsHexDigit(text[i + 1]) || !IsHexDigit(text[i + 2])) return false;
    unsigned value = 0;
    std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (value == 0) return false;
    decoded.push_back(static_cast<char>(value));
    i += 2;
  }
  return IsValidUtf8(decoded);
}

bool IsAuthority(std::string_view text) {
  std::string_view host = text;
  // The colons inside an IPv6 address are not the one before the port.
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (port.size() > 5 || !std::all_of(port.begin(), port.end(), IsDigit)) return false;
  }
  if (host.empty()) return false;
  if (host.front() == '[') return IsIpLiteral(host);
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return IsAlphaOrDigit(c) || IsOneOf(c, "-._~!$&'()*+,;=%"); }) &&
         IsSoundPercentEncoding(host);
}

std::optional<HttpRefusal> CheckHead(std::string_view bytes, const HttpLimits& limits,
                                     RequestHead& head) {
  // The first line is read first so that the log knows the method of what is refused.
  const std::size_t line_end = bytes.find("\r\n");
  const std::string_view line = bytes.substr(0, line_end);
  if (Refusal refusal = CheckCharacters(line)) return refusal;
  if (Refusal refusal = CheckRequestLine(line, limits, head)) return refusal;
  if (bytes.size() > limits.header_bytes) return HeaderTooLarge(limits);
  const std::string_view fields = bytes.substr(line_end + 2);
  if (Refusal refusal = CheckCharacters(fields)) return refusal;
  if (Refusal refusal = CheckFields(fields, limits, head)) return refusal;
  ReadConnection(head);
  if (Refusal refusal = CheckSingles(head)) return refusal;
  if (Refusal refusal = CheckHost(head)) return refusal;
  if (Refusal refusal = CheckFraming(limits, head)) return refusal;
  if (Refusal refusal = CheckBodyFields(head)) return refusal;
  return CheckExpect(head);
}

std::optional<HttpRefusal> CheckPartialHead(std::string_view bytes, const HttpLimits& limits,
                                            RequestHead& head) {
  if (!bytes.empty() && !IsTokenCharacter(bytes.front())) {
    return BadRequest("The method is malformed.");
  }
  if (Refusal refusal = CheckCharacters(bytes)) return refusal;
  const std::size_t line_end = bytes.find("\r\n");
  if (line_end != std::string_view::npos) {
    if (Refusal refusal = CheckRequestLine(bytes.substr(0, line_end), limits, head)) return refusal;
  }
  if (bytes.size() <= limits.header_bytes) return std::nullopt;
  if (line_end == std::string_view::npos) {
    return HttpRefusal{
        errors::v1::ERROR_CODE_URI_TOO_LONG,
        absl::StrCat("The target may have up to ", limits.target_bytes, " characters.")};
  }
  return HeaderTooLarge(limits);
}

}  // namespace playlog::gateway
