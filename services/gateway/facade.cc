#include "services/gateway/facade.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "services/gateway/http_error.h"
#include "services/gateway/request_binder.h"
#include "services/gateway/rpc_exchange.h"

namespace playlog::gateway {
namespace {

HttpResponse Json(std::string body) {
  return {200, {{"Content-Type", "application/json"}}, std::move(body)};
}

}  // namespace

Facade::Facade(const Router& router, Identity& identity, const Neighbours& neighbours,
               FacadeOptions options)
    : router_(router),
      identity_(identity),
      neighbours_(neighbours),
      openapi_(std::move(options.openapi)),
      pages_(std::move(options.pages)),
      secure_cookies_(options.secure_cookies),
      revisioned_(options.kept_answers_bytes_max) {}

void Facade::Handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  const Routing routing = router_.Find(request.method, request.path);
  if (!routing.status.ok()) {
    HttpResponse response = MakeErrorResponse(routing.status, request.request_id);
    if (!routing.allow.empty()) response.headers.emplace_back("Allow", routing.allow);
    return exchange->Send(std::move(response));
  }
  if (routing.route == nullptr) return exchange->Send({204, {{"Allow", routing.allow}}, ""});
  if (routing.route->method == nullptr) {
    return exchange->Send(AnswerLocally(*routing.route, request));
  }
  const absl::Status status = Call(routing, request, exchange);
  if (!status.ok()) exchange->Send(MakeErrorResponse(status, request.request_id));
}

absl::Status Facade::Call(const Routing& routing, const HttpRequest& request,
                          const std::shared_ptr<HttpExchange>& exchange) {
  const Route& route = *routing.route;
  PLAYLOG_ASSIGN_OR_RETURN(Admitted caller, identity_.Admit(route, request));
  PLAYLOG_ASSIGN_OR_RETURN(
      std::unique_ptr<google::protobuf::Message> message,
      BindRequest(route, routing.path_values, request.query, request.body, request.headers));
  const auto stubs = neighbours_.StubsOf(route, *message);
  if (!stubs.ok()) return ForClientOf(route, stubs.status());
  const RpcRequest call{.route = route,
                        .message = *message,
                        .token = std::move(caller.token),
                        .request_id = request.request_id,
                        .client_address = request.peer_address,
                        .is_head = routing.is_head,
                        .secure_cookies = secure_cookies_};
  if (route.revisioned) {
    auto revisioned = std::make_shared<RevisionedRequest>(
        RevisionedRequest{std::move(message), call, caller.user_id, request.headers});
    revisioned_.Answer(*stubs->front(), std::move(revisioned), exchange);
  } else {
    AnswerByRpc(*stubs, call, exchange);
  }
  return absl::OkStatus();
}

HttpResponse Facade::AnswerLocally(const Route& route, const HttpRequest& request) const {
  if (pages_.Has(route.path)) return pages_.Answer(route.path, request);
  if (!request.query.empty()) {
    return MakeErrorResponse(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER,
                             "This path takes no parameters.", request.request_id);
  }
  if (route.path == kOpenApiPath) return Json(openapi_);
  if (route.path == kReadyPath) return Ready(request);
  return Json("{\"status\":\"ok\"}");
}

HttpResponse Facade::Ready(const HttpRequest& request) const {
  std::vector<std::string> ailing = neighbours_.Ailing();
  if (!identity_.IsReady()) ailing.push_back("signing keys");
  if (ailing.empty()) return WellOrDegraded();
  return MakeErrorResponse(
      RetryableError(errors::v1::ERROR_CODE_UNAVAILABLE, "Not ready",
                     absl::StrCat("No answer from: ", absl::StrJoin(ailing, ", "), "."),
                     absl::Seconds(1)),
      request.request_id);
}

// What is degraded still serves, so it is no reason to send the callers elsewhere.
HttpResponse Facade::WellOrDegraded() const {
  const std::vector<std::string> degraded = neighbours_.Degraded();
  if (degraded.empty()) return Json("{\"status\":\"ready\"}");
  return Json(absl::StrCat("{\"status\":\"degraded\",\"degraded\":[\"",
                           absl::StrJoin(degraded, "\",\""), "\"]}"));
}

}  // namespace playlog::gateway
