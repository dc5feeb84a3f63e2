#ifndef PLAYLOG_COMMON_BASE_ERROR_H_
#define PLAYLOG_COMMON_BASE_ERROR_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "playlog/errors/v1/error_code.pb.h"

namespace playlog {

// An error is an absl::Status whose message is the text for people (the REST field `error`) and
// which carries a playlog.errors.v1.ErrorDetail as its payload: the code for programs, what to do,
// the field concerned, when to try again. The payload travels over gRPC in the status details.

// The one list of errors, proto/playlog/errors/v1/error_code.proto. Values are written in full:
// errors::v1::ERROR_CODE_NOT_FOUND.
using ErrorCode = errors::v1::ErrorCode;

// Makes an error. Its absl code is the one that the list gives the ErrorCode. `detail` says what to
// do about it; `text` and `detail` reach clients, so neither holds anything of the inside.
absl::Status Error(ErrorCode code, std::string_view text, std::string_view detail = "");

// The same with the time after which a further try makes sense.
absl::Status RetryableError(ErrorCode code, std::string_view text, std::string_view detail,
                            absl::Duration retry_after);

// An INVALID_FIELD error: `allowed` completes the sentence "<field> must be …". The gateway turns
// it into INVALID_PARAMETER where the field came from the query or the path.
absl::Status InvalidField(std::string_view field, std::string_view allowed);

// A bug or an impossible state. `what` is for the log and never reaches a client.
absl::Status InternalError(std::string_view what);

// What a status that may not be ours says. A status without our payload (made by a library) has the
// code that fits its absl code best: INTERNAL, UNAVAILABLE, DEADLINE_EXCEEDED, NOT_FOUND …
ErrorCode CodeOf(const absl::Status& status);
std::string DetailOf(const absl::Status& status);
std::string FieldOf(const absl::Status& status);
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// The HTTP status of an ErrorCode, from the list.
int HttpStatusOf(ErrorCode code);

// The name of an ErrorCode without the enum's prefix, as in REST: "NOT_FOUND"; and back,
// UNSPECIFIED if there is no such name.
std::string NameOf(ErrorCode code);
ErrorCode CodeFromName(std::string_view name);

// The type URL under which an absl::Status keeps its ErrorDetail.
inline constexpr char kErrorDetailType[] = "type.googleapis.com/playlog.errors.v1.ErrorDetail";

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_ERROR_H_
