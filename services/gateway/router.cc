#include "services/gateway/router.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "playlog/errors/v1/error_code.pb.h"
#include "services/gateway/descriptor_files.h"
#include "services/gateway/route_template.h"
#include "services/gateway/url_text.h"

namespace playlog::gateway {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// In the order in which Allow names them.
constexpr std::array<std::string_view, 9> kVerbs = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                                    "DELETE", "OPTIONS", "TRACE", "CONNECT"};

std::string Allow(const std::vector<const Route*>& routes) {
  const auto allows = [&routes](std::string_view verb) {
    return verb == "OPTIONS" || std::any_of(routes.begin(), routes.end(), [verb](const Route* r) {
             return r->verb == verb || (verb == "HEAD" && r->verb == "GET" && r->only_reads);
           });
  };
  std::vector<std::string> allowed;
  for (const std::string_view verb : kVerbs) {
    if (allows(verb)) allowed.emplace_back(verb);
  }
  return absl::StrJoin(allowed, ", ");
}

// Whether `route` is looked at before `other`: at the first segment that differs in kind, the one
// with the literal.
bool IsMoreSpecific(const Route& route, const Route& other) {
  return std::lexicographical_compare(route.segments.begin(), route.segments.end(),
                                      other.segments.begin(), other.segments.end(),
                                      [](const PathSegment& a, const PathSegment& b) {
                                        return a.field == nullptr && b.field != nullptr;
                                      });
}

bool HaveTheSamePaths(const Route& route, const Route& other) {
  return std::equal(route.segments.begin(), route.segments.end(), other.segments.begin(),
                    other.segments.end(), [](const PathSegment& a, const PathSegment& b) {
                      return (a.field == nullptr) == (b.field == nullptr) && a.literal == b.literal;
                    });
}

bool Matches(const Route& route, const std::vector<std::string>& segments) {
  return std::equal(route.segments.begin(), route.segments.end(), segments.begin(), segments.end(),
                    [](const PathSegment& segment, const std::string& sent) {
                      return segment.field != nullptr || segment.literal == sent;
                    });
}

absl::Status NotFound() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "Not found",
               "Check the path: /openapi.json lists those that there are.");
}

absl::Status MalformedPath() {
  return Error(errors::v1::ERROR_CODE_BAD_REQUEST, "Malformed path",
               "Percent-encode the path as UTF-8 without the character U+0000.");
}

// Splits an encoded path into decoded segments, without the one trailing slash. A segment that
// cannot be decoded is BAD_REQUEST; one that no route can mean is NOT_FOUND.
absl::StatusOr<std::vector<std::string>> SplitPath(std::string_view path) {
  if (!path.starts_with('/')) return MalformedPath();
  path.remove_prefix(1);
  std::vector<std::string> segments;
  bool is_strange = false;
  while (!path.empty()) {
    const std::size_t length = std::min(path.find('/'), path.size());
    std::optional<std::string> segment = DecodeUrlText(path.substr(0, length), false);
    if (!segment.has_value() || segment->find('\0') != std::string::npos) return MalformedPath();
    is_strange = is_strange || segment->empty() || *segment == "." || *segment == ".." ||
                 segment->find('/') != std::string::npos;
    segments.push_back(*std::move(segment));
    path.remove_prefix(std::min(length + 1, path.size()));
  }
  if (is_strange) return NotFound();
  return segments;
}

// The segments that stand for the variables of the route.
std::vector<std::string> PathValues(const Route& route, std::vector<std::string>& segments) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (route.segments[i].field != nullptr) values.push_back(std::move(segments[i]));
  }
  return values;
}

Routing NotAllowed(const std::vector<const Route*>& routes) {
  Routing routing;
  routing.allow = Allow(routes);
  routing.status = Error(errors::v1::ERROR_CODE_METHOD_NOT_ALLOWED, "Method not allowed",
                         absl::StrCat("Use one of ", routing.allow, "."));
  return routing;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Router>> Router::Create(
    std::span<const ServiceDescriptor* const> services, std::span<const std::string> local_paths) {
  std::unique_ptr<Router> router(new Router());
  router->messages_.SetDelegateToGeneratedFactory(true);
  for (const ServiceDescriptor* service : services) {
    for (int i = 0; i < service->method_count(); ++i) {
      PLAYLOG_RETURN_IF_ERROR(router->AddMethod(*service->method(i)));
    }
  }
  for (const std::string& path : local_paths) {
    auto route = std::make_unique<Route>();
    route->verb = "GET";
    route->path = path;
    route->only_reads = true;
    PLAYLOG_ASSIGN_OR_RETURN(route->segments, ParseRouteTemplate(path, nullptr));
    PLAYLOG_RETURN_IF_ERROR(router->AddRoute(std::move(route)));
  }
  return router;
}

absl::Status Router::AddMethod(const MethodDescriptor& method) {
  PLAYLOG_ASSIGN_OR_RETURN(std::vector<Route> routes, RoutesOf(method));
  for (Route& found : routes) {
    auto route = std::make_unique<Route>(std::move(found));
    route->request = messages_.GetPrototype(method.input_type());
    PLAYLOG_ASSIGN_OR_RETURN(route->answer, plans_.Compile(*method.output_type()));
    PLAYLOG_RETURN_IF_ERROR(AddRoute(std::move(route)));
  }
  return absl::OkStatus();
}

absl::Status Router::AddRoute(std::unique_ptr<Route> route) {
  for (const auto& other : routes_) {
    if (other->verb == route->verb && HaveTheSamePaths(*other, *route)) {
      return absl::FailedPreconditionError(
          absl::StrCat("two routes for ", route->verb, " ", route->path));
    }
  }
  const auto place = std::find_if(routes_.begin(), routes_.end(), [&route](const auto& other) {
    return IsMoreSpecific(*route, *other);
  });
  routes_.insert(place, std::move(route));
  return absl::OkStatus();
}

Routing Router::Find(std::string_view verb, std::string_view path) const {
  Routing routing;
  if (std::find(kVerbs.begin(), kVerbs.end(), verb) == kVerbs.end()) {
    routing.status = Error(errors::v1::ERROR_CODE_NOT_IMPLEMENTED, "Unknown HTTP method",
                           "Verbs are written in capitals: GET, POST, DELETE.");
    return routing;
  }
  if (verb == "TRACE" || verb == "CONNECT") {
    // Never served, whatever stands after them, which for CONNECT is not even a path.
    std::vector<const Route*> all;
    for (const auto& route : routes_) all.push_back(route.get());
    return NotAllowed(all);
  }
  absl::StatusOr<std::vector<std::string>> segments = SplitPath(path);
  if (!segments.ok()) {
    routing.status = segments.status();
    return routing;
  }
  std::vector<const Route*> on_path;
  for (const auto& route : routes_) {
    if (!Matches(*route, *segments)) continue;
    on_path.push_back(route.get());
    const bool is_head = verb == "HEAD" && route->verb == "GET" && route->only_reads;
    if (route->verb != verb && !is_head) continue;
    routing.route = route.get();
    routing.is_head = is_head;
    routing.path_values = PathValues(*route, *segments);
    return routing;
  }
  if (on_path.empty()) {
    routing.status = NotFound();
    return routing;
  }
  if (verb != "OPTIONS") return NotAllowed(on_path);
  routing.allow = Allow(on_path);
  return routing;
}

std::string_view DescriptorSet() { return DescriptorFiles().front().contents; }

absl::StatusOr<std::vector<const ServiceDescriptor*>> PlaylogServices() {
  google::protobuf::FileDescriptorSet files;
  const std::string_view set = DescriptorSet();
  if (!files.ParseFromArray(set.data(), static_cast<int>(set.size()))) {
    return InternalError("the descriptor set does not parse");
  }
  std::vector<const ServiceDescriptor*> services;
  for (const auto& file : files.file()) {
    if (!file.package().starts_with("playlog.")) continue;
    const auto* linked =
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(file.name());
    if (linked == nullptr) return InternalError(absl::StrCat(file.name(), " is not linked"));
    for (int i = 0; i < linked->service_count(); ++i) services.push_back(linked->service(i));
  }
  return services;
}

}  // namespace playlog::gateway
