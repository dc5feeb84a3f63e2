#ifndef PLAYLOG_SERVICES_GATEWAY_FACADE_H_
#define PLAYLOG_SERVICES_GATEWAY_FACADE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "services/gateway/http_exchange.h"
#include "services/gateway/identity.h"
#include "services/gateway/neighbours.h"
#include "services/gateway/revisioned_answers.h"
#include "services/gateway/router.h"
#include "services/gateway/web_pages.h"

namespace playlog::gateway {

// The paths that the gateway answers itself.
inline constexpr char kHealthPath[] = "/healthz";
inline constexpr char kReadyPath[] = "/readyz";
inline constexpr char kOpenApiPath[] = "/openapi.json";

struct FacadeOptions {
  // The document at /openapi.json.
  std::string openapi;
  // The web pages, whose paths are local paths of the router.
  WebPages pages;
  // Browsers reach the gateway by https alone, and send its cookies over nothing else.
  bool secure_cookies = false;
  // What answers that are kept may take (answer_cache.h).
  std::size_t kept_answers_bytes_max = 0;
};

// Turns HTTP requests into RPCs: route, identity, request message, call. It knows no RPC by name.
class Facade final : public HttpHandler {
 public:
  // The first three outlive the facade.
  Facade(const Router& router, Identity& identity, const Neighbours& neighbours,
         FacadeOptions options);

  void Handle(HttpRequest request, std::shared_ptr<HttpExchange> exchange) override;

 private:
  // Answers by RPC, or returns why not.
  absl::Status Call(const Routing& routing, const HttpRequest& request,
                    const std::shared_ptr<HttpExchange>& exchange);
  HttpResponse AnswerLocally(const Route& route, const HttpRequest& request) const;
  HttpResponse Ready(const HttpRequest& request) const;
  HttpResponse WellOrDegraded() const;

  const Router& router_;
  Identity& identity_;
  const Neighbours& neighbours_;
  const std::string openapi_;
  const WebPages pages_;
  const bool secure_cookies_;
  RevisionedAnswers revisioned_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_FACADE_H_
