#include "common/http/client.h"

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/base/strings.h"
#include "common/http/url.h"

namespace playlog::http {
namespace {

absl::StatusCode CodeFor(Failure failure) {
  switch (failure) {
    case Failure::kUnreachable:
      return absl::StatusCode::kUnavailable;
    case Failure::kTimeout:
      return absl::StatusCode::kDeadlineExceeded;
    case Failure::kTooLarge:
      return absl::StatusCode::kResourceExhausted;
    case Failure::kGarbled:
      return absl::StatusCode::kDataLoss;
    case Failure::kTls:
      return absl::StatusCode::kUnauthenticated;
    case Failure::kRefused:
      return absl::StatusCode::kInvalidArgument;
  }
  return absl::StatusCode::kInvalidArgument;
}

bool IsAllowedUrl(std::string_view url) {
  if (!IsPrintableAscii(url) || url.find(' ') != std::string_view::npos) return false;
  const std::string host = HostOf(url);
  if (host.empty()) return false;
  return url.starts_with("https://") || (url.starts_with("http://") && IsLoopbackLiteral(host));
}

}  // namespace

std::vector<std::string_view> Response::HeaderValues(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Header& header : headers) {
    if (header.name == name) values.push_back(header.value);
  }
  return values;
}

absl::Status FailureStatus(Failure failure, std::string_view what) {
  return absl::Status(CodeFor(failure), ToAbsl(what));
}

Failure FailureOf(const absl::Status& status) {
  for (const Failure failure : {Failure::kUnreachable, Failure::kTimeout, Failure::kTooLarge,
                                Failure::kGarbled, Failure::kTls}) {
    if (status.code() == CodeFor(failure)) return failure;
  }
  return Failure::kRefused;
}

std::string_view NameOf(Failure failure) {
  switch (failure) {
    case Failure::kUnreachable:
      return "unreachable";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kTooLarge:
      return "too_large";
    case Failure::kGarbled:
      return "garbled";
    case Failure::kTls:
      return "tls";
    case Failure::kRefused:
      return "refused";
  }
  return "refused";
}

absl::Status CheckRequest(const Request& request, absl::Time now) {
  if (!IsAllowedUrl(request.url)) {
    return FailureStatus(Failure::kRefused, "the address is neither https nor loopback http");
  }
  for (const Header& header : request.headers) {
    if (header.name.empty() || !IsPrintableAscii(header.name) || !IsPrintableAscii(header.value) ||
        header.name.find_first_of(": ") != std::string::npos) {
      return FailureStatus(Failure::kRefused, "a header is not printable ASCII");
    }
  }
  if (request.deadline <= now) {
    return FailureStatus(Failure::kTimeout, "the deadline passed before the request was sent");
  }
  return absl::OkStatus();
}

absl::Status CheckResponse(const Request& request, const Response& response) {
  if (response.body.size() > request.max_body_bytes) {
    return FailureStatus(Failure::kTooLarge,
                         absl::StrFormat("the body is over %d bytes", request.max_body_bytes));
  }
  for (const std::string_view value : response.HeaderValues("content-encoding")) {
    if (!absl::EqualsIgnoreCase(ToAbsl(value), "identity")) {
      return FailureStatus(Failure::kGarbled, "the body has a content encoding");
    }
  }
  for (const std::string_view value : response.HeaderValues("transfer-encoding")) {
    if (!absl::EqualsIgnoreCase(ToAbsl(value), "chunked")) {
      return FailureStatus(Failure::kGarbled, "the body has a transfer encoding");
    }
  }
  return absl::OkStatus();
}

}  // namespace playlog::http
