#ifndef PLAYLOG_SERVICES_GATEWAY_REQUEST_BINDER_H_
#define PLAYLOG_SERVICES_GATEWAY_REQUEST_BINDER_H_

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/http_message.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Makes the request message of a route with a method from what HTTP brought: the values of the
// path's variables, the query (what follows the target's `?`, as sent) and the body.
//
// A route that takes a body has every field that is not in its path there, and no query parameters.
// Any other route has its scalar fields in the query and takes no body. Query parameters are
// application/x-www-form-urlencoded, split at `&` alone and decoded once, at most 100 of them; a
// parameter without a name, as in `?&` or `?=1`, is malformed. Fields that travel as cookies come
// from the Cookie field among `headers` and from nowhere else.
//
// Errors: those of ReadJson() for the body; INVALID_PARAMETER and UNKNOWN_PARAMETER, naming the
// parameter, for path and query (a route may ignore unknown ones); BAD_REQUEST for a malformed
// query or cookie, or a body that is not taken.
absl::StatusOr<std::unique_ptr<google::protobuf::Message>> BindRequest(
    const Route& route, const std::vector<std::string>& path_values, std::string_view query,
    std::string_view body, const HttpHeaders& headers = {});

// Whether the client sent the field, named as in an error's FieldOf(), in the path or the query.
bool FieldCameFromUrl(const Route& route, std::string_view field);

// The status as the client of the route is to see it: an INVALID_FIELD that concerns a parameter of
// the path or the query becomes INVALID_PARAMETER. Everything else is returned as it is.
absl::Status ForClientOf(const Route& route, const absl::Status& status);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_REQUEST_BINDER_H_
