#ifndef PLAYLOG_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_
#define PLAYLOG_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_

#include <google/protobuf/descriptor.h>

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Parses the path of an annotation: `/` and literals or variables between slashes, with no slash at
// the end. A variable is `{field}`, where the field of `request` is one scalar value; patterns such
// as `{name=songs/*}` and verbs such as `:undo` are not understood and fail.
absl::StatusOr<std::vector<PathSegment>> ParseRouteTemplate(
    std::string_view path, const google::protobuf::Descriptor* request);

// The routes of an RPC from its options: one, one more for each of `additional_bindings`, or none
// if it is not annotated. `request` and `answer` are left empty. Fails, naming the RPC, as
// Router::Create() describes.
absl::StatusOr<std::vector<Route>> RoutesOf(const google::protobuf::MethodDescriptor& method);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_ROUTE_TEMPLATE_H_
