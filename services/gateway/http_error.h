#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_ERROR_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/error.h"
#include "services/gateway/http_message.h"

namespace playlog::gateway {

// The answer to a request that failed: the HTTP status of the error, the JSON body
// {"error", "code", "detail", "request_id"}, and the fields that the status asks for
// (Cache-Control, WWW-Authenticate, Retry-After). INTERNAL shows nothing of the inside. `status`
// is not OK.
HttpResponse MakeErrorResponse(const absl::Status& status, std::string_view request_id);

// The same for an error of the HTTP layer, whose `error` is the code in words ("Bad request").
HttpResponse MakeErrorResponse(ErrorCode code, std::string_view detail,
                               std::string_view request_id);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_ERROR_H_
