#ifndef PLAYLOG_SERVICES_GATEWAY_OPENAPI_H_
#define PLAYLOG_SERVICES_GATEWAY_OPENAPI_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

struct OpenApiOptions {
  std::string version = "1";     // Of the API, for `info`.
  std::string server_url = "/";  // Where the paths begin; relative to the document's own address.
};

// Describes the router's RPCs as an OpenAPI 3.1 document in JSON. Texts are the comments of the
// protos. Fails only if the embedded descriptor set and the linked protos differ.
absl::StatusOr<std::string> MakeOpenApi(const Router& router, const OpenApiOptions& options = {});

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_OPENAPI_H_
