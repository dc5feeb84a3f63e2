#include "services/gateway/http_answer.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>
#include <ctime>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "services/gateway/http_guard.h"

namespace playlog::gateway {
namespace {

struct Default {
  std::string_view name;
  std::string_view value;
};

// The fields of an API's answer; pages set their own Content-Security-Policy.
constexpr std::array<Default, 5> kDefaults = {{
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
}};

// What only the server may say.
constexpr std::array<std::string_view, 7> kServersOwn = {
    "Content-Length", "Transfer-Encoding",        "Connection", "Date", "X-Request-Id",
    "Server",         "Strict-Transport-Security"};

bool Equals(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(ToAbsl(a), ToAbsl(b));
}

bool IsServersOwn(std::string_view name) {
  return std::any_of(kServersOwn.begin(), kServersOwn.end(),
                     [name](std::string_view own) { return Equals(own, name); });
}

bool Has(const HttpHeaders& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [name](const auto& field) { return Equals(field.first, name); });
}

// The date changes once a second, and formatting it costs more than the rest of the head.
const std::string& HttpDate() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != second) {
    second = now;
    text = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::FromTimeT(now), absl::UTCTimeZone());
  }
  return text;
}

void Append(std::string& head, std::string_view name, std::string_view value) {
  absl::StrAppend(&head, ToAbsl(name), ": ", ToAbsl(value), "\r\n");
}

void AppendFraming(std::string& head, const AnswerFraming& framing) {
  switch (framing.kind) {
    case AnswerFraming::Kind::kLength:
      absl::StrAppend(&head, "Content-Length: ", framing.length, "\r\n");
      break;
    case AnswerFraming::Kind::kChunked:
      head += "Transfer-Encoding: chunked\r\n";
      break;
    case AnswerFraming::Kind::kUntilClose:
    case AnswerFraming::Kind::kNone:
      break;
  }
  if (framing.close) head += "Connection: close\r\n";
}

}  // namespace

bool IsSoundAnswer(int status, const HttpHeaders& headers) {
  return status >= 200 && status <= 599 &&
         std::all_of(headers.begin(), headers.end(), [](const auto& field) {
           return IsToken(field.first) && IsFieldValue(field.second);
         });
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

bool IsEventStream(const HttpHeaders& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const auto& field) {
    return Equals(field.first, "Content-Type") && Equals(field.second, "text/event-stream");
  });
}

std::string FormatAnswerHead(int status, const HttpHeaders& headers, const AnswerFraming& framing,
                             std::string_view request_id, bool is_https) {
  namespace http = boost::beast::http;
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  std::string head;
  head.reserve(512);
  absl::StrAppend(&head, "HTTP/1.1 ", status, " ", absl::string_view(reason.data(), reason.size()),
                  "\r\n");
  Append(head, "Date", HttpDate());
  for (const auto& [name, value] : headers) {
    if (!IsServersOwn(name)) Append(head, name, value);
  }
  for (const auto& [name, value] : kDefaults) {
    if (!Has(headers, name)) Append(head, name, value);
  }
  if (is_https) Append(head, "Strict-Transport-Security", "max-age=31536000");
  Append(head, "X-Request-Id", request_id);
  AppendFraming(head, framing);
  head += "\r\n";
  return head;
}

std::string MakeRequestId() {
  thread_local absl::BitGen random;
  const auto high = absl::Uniform<std::uint64_t>(random);
  const auto low = absl::Uniform<std::uint64_t>(random);
  return absl::StrFormat("%016x%016x", high, low);
}

}  // namespace playlog::gateway
