#include "services/gateway/http_error.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::gateway {
namespace {

constexpr std::string_view kInternalError = "Internal error";
constexpr std::string_view kInternalDetail =
    "Try again later; if it stays so, report the request_id.";

// "BODY_TOO_LARGE" in words: "Body too large".
std::string WordsOf(ErrorCode code) {
  std::string words = absl::AsciiStrToLower(NameOf(code));
  std::replace(words.begin(), words.end(), '_', ' ');
  words.front() = absl::ascii_toupper(static_cast<unsigned char>(words.front()));
  // Names of products keep their capitals in the texts that services give; here only these two.
  if (code == errors::v1::ERROR_CODE_URI_TOO_LONG) words = "URI too long";
  if (code == errors::v1::ERROR_CODE_INVALID_JSON) words = "Invalid JSON";
  return words;
}

// A JSON string. What isn't UTF-8 cannot be shown in JSON, and would be a bug of ours.
std::string Quote(std::string_view text) {
  if (!IsValidUtf8(text)) return "\"\"";
  return boost::json::serialize(boost::json::string(text));
}

// Many clients are refused at once when the system is overloaded; they shall not all come back in
// the same second.
int RetryAfterSeconds(const absl::Status& status) {
  if (const auto given = RetryAfterOf(status)) {
    return static_cast<int>(absl::ToInt64Seconds(absl::Ceil(*given, absl::Seconds(1))));
  }
  if (CodeOf(status) != errors::v1::ERROR_CODE_OVERLOADED) return 1;
  thread_local absl::BitGen random;
  return absl::Uniform(absl::IntervalClosed, random, 1, 5);
}

}  // namespace

HttpResponse MakeErrorResponse(const absl::Status& status, std::string_view request_id) {
  const ErrorCode code = CodeOf(status);
  const bool internal = code == errors::v1::ERROR_CODE_INTERNAL;
  // A status that is not ours has a library's words, which may tell of the inside.
  const bool ours = status.GetPayload(kErrorDetailType).has_value();
  const std::string error = internal ? std::string(kInternalError)
                            : ours   ? std::string(status.message())
                                     : WordsOf(code);
  const std::string detail = internal ? std::string(kInternalDetail) : DetailOf(status);

  HttpResponse response;
  response.status = HttpStatusOf(code);
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", absl::StrCat(RetryAfterSeconds(status)));
  }
  response.body =
      absl::StrCat("{\"error\":", Quote(error), ",\"code\":", Quote(NameOf(code)),
                   ",\"detail\":", Quote(detail), ",\"request_id\":", Quote(request_id), "}");
  return response;
}

HttpResponse MakeErrorResponse(ErrorCode code, std::string_view detail,
                               std::string_view request_id) {
  return MakeErrorResponse(Error(code, WordsOf(code), detail), request_id);
}

}  // namespace playlog::gateway
