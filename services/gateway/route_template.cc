#include "services/gateway/route_template.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "google/api/annotations.pb.h"
#include "playlog/options/v1/options.pb.h"
#include "playlog/revisions/v1/revision_service.pb.h"
#include "services/gateway/field_rules.h"
#include "services/gateway/source_routing.h"

namespace playlog::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;

absl::Status Refuse(std::string_view what, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(ToAbsl(what), ": ", ToAbsl(why)));
}

bool IsLiteral(std::string_view text) {
  const auto is_plain = [](char character) {
    return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '-' ||
           character == '_' || character == '.' || character == '~';
  };
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), is_plain);
}

absl::StatusOr<PathSegment> ParseSegment(std::string_view path, std::string_view text,
                                         const Descriptor* request) {
  PathSegment segment;
  if (IsLiteral(text)) {
    segment.literal = std::string(text);
    return segment;
  }
  if (request == nullptr || text.size() < 3 || text.front() != '{' || text.back() != '}') {
    return Refuse(path, "a segment is neither a literal nor a {field}");
  }
  segment.field = request->FindFieldByName(std::string(text.substr(1, text.size() - 2)));
  if (segment.field == nullptr || !IsScalar(*segment.field) || IsCookie(*segment.field)) {
    return Refuse(path, "a variable is no field of the request with one scalar value");
  }
  return segment;
}

// The verb and the path of a rule; empty for a kind of rule that is not understood.
std::pair<std::string, std::string> VerbAndPath(const google::api::HttpRule& rule) {
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      return {"GET", rule.get()};
    case google::api::HttpRule::kPost:
      return {"POST", rule.post()};
    case google::api::HttpRule::kPut:
      return {"PUT", rule.put()};
    case google::api::HttpRule::kPatch:
      return {"PATCH", rule.patch()};
    case google::api::HttpRule::kDelete:
      return {"DELETE", rule.delete_()};
    default:
      return {};
  }
}

absl::StatusOr<Caller> CallerOf(const MethodDescriptor& method) {
  const auto& access = method.options().GetExtension(options::v1::access);
  if (access.anyone()) return Caller::kAnyone;
  if (access.user()) return Caller::kUser;
  if (access.staff()) return Caller::kStaff;
  return Refuse(method.full_name(), "it has a route but its access is not for people");
}

constexpr char kEventStream[] = "text/event-stream";

// What an answer of events needs: parts, and the one status that clients of events take.
absl::Status ReadEventStream(const options::v1::HttpBehaviour& behaviour, Route& route) {
  if (!route.streams || route.status != 200 || !behaviour.file_name().empty()) {
    return Refuse(route.method->full_name(), "events are a stream of status 200 without a name");
  }
  route.content_type = behaviour.content_type();
  route.is_event_stream = true;
  return absl::OkStatus();
}

bool IsFileName(std::string_view name) { return IsLiteral(name) && name.front() != '.'; }

// What the option `content_type` needs: events, or an answer whose one field, but for cookies, is
// the bytes `body`.
absl::Status ReadRawAnswer(const options::v1::HttpBehaviour& behaviour, Route& route) {
  const MethodDescriptor& method = *route.method;
  if (behaviour.content_type().empty()) {
    if (behaviour.file_name().empty()) return absl::OkStatus();
    return Refuse(method.full_name(), "only an answer with a content_type has a file_name");
  }
  if (behaviour.content_type() == kEventStream) return ReadEventStream(behaviour, route);
  const Descriptor& answer = *method.output_type();
  const FieldDescriptor* body = answer.FindFieldByName("body");
  const auto fields = static_cast<std::size_t>(answer.field_count());
  if (body == nullptr || body->type() != FieldDescriptor::TYPE_BYTES || body->is_repeated() ||
      fields != route.answer_cookies.size() + 1 || route.status == 204) {
    return Refuse(method.full_name(), "its answer has not just the bytes `body`");
  }
  if (!IsPrintableAscii(behaviour.content_type()) ||
      (!behaviour.file_name().empty() && !IsFileName(behaviour.file_name()))) {
    return Refuse(method.full_name(), "its content_type or its file_name is malformed");
  }
  route.content_type = behaviour.content_type();
  route.file_name = behaviour.file_name();
  route.body_number = body->number();
  return absl::OkStatus();
}

// The parts of a route that its cookies and its answer's form decide.
absl::Status ReadForms(const options::v1::HttpBehaviour& behaviour, Route& route) {
  const MethodDescriptor& method = *route.method;
  PLAYLOG_ASSIGN_OR_RETURN(route.request_cookies, CookieFieldsOf(*method.input_type()));
  PLAYLOG_ASSIGN_OR_RETURN(route.answer_cookies, CookieFieldsOf(*method.output_type()));
  if (route.streams && !route.answer_cookies.empty()) {
    return Refuse(method.full_name(), "the head of a stream is sent before its cookies are known");
  }
  if (route.takes_body && behaviour.ignores_unknown_parameters()) {
    return Refuse(method.full_name(), "a route with a body has no parameters to ignore");
  }
  route.ignores_unknown_parameters = behaviour.ignores_unknown_parameters();
  return ReadRawAnswer(behaviour, route);
}

// What the option `revisioned` needs: JSON that is the same for the same request of the same user
// for as long as the data are.
absl::Status ReadRevisioned(Route& route) {
  route.revisioned = route.method->options().GetExtension(revisions::v1::revisioned);
  if (!route.revisioned) return absl::OkStatus();
  const bool is_plain = route.content_type.empty() && route.answer_cookies.empty() &&
                        route.request_cookies.empty() && route.alternative_status == 0;
  if (route.verb == "GET" && route.only_reads && route.caller == Caller::kUser && is_plain &&
      !route.by_source) {
    return absl::OkStatus();
  }
  return Refuse(route.method->full_name(),
                "only a user's GET of JSON from one service without side effects is revisioned");
}

// The fields that stand in the query: all that are not elsewhere and have a form there. Messages
// inside messages have none.
std::vector<QueryParameter> ParametersOf(const Route& route) {
  std::vector<QueryParameter> parameters;
  const auto add = [&](const FieldDescriptor* parent, const FieldDescriptor& field) {
    const std::string prefix = parent == nullptr ? "" : parent->name() + ".";
    if (!IsCookie(field) && (IsScalar(field) || IsRepeatedScalar(field))) {
      parameters.push_back({prefix + field.name(), parent, &field});
    }
  };
  const Descriptor& request = *route.method->input_type();
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor& field = *request.field(i);
    if (std::any_of(route.segments.begin(), route.segments.end(),
                    [&field](const PathSegment& segment) { return segment.field == &field; })) {
      continue;
    }
    add(nullptr, field);
    const Descriptor* inner = field.message_type();
    if (inner == nullptr || field.is_repeated() || IsTimestamp(field)) continue;
    for (int j = 0; j < inner->field_count(); ++j) add(&field, *inner->field(j));
  }
  return parameters;
}

absl::StatusOr<Route> RouteOf(const MethodDescriptor& method, const google::api::HttpRule& rule) {
  Route route;
  std::tie(route.verb, route.path) = VerbAndPath(rule);
  const bool may_have_body = route.verb != "GET" && route.verb != "DELETE";
  if (route.verb.empty() || !rule.response_body().empty() ||
      (!rule.body().empty() && (rule.body() != "*" || !may_have_body))) {
    return Refuse(method.full_name(), "its google.api.http rule is not understood");
  }
  PLAYLOG_ASSIGN_OR_RETURN(route.segments, ParseRouteTemplate(route.path, method.input_type()));
  PLAYLOG_ASSIGN_OR_RETURN(route.caller, CallerOf(method));
  const auto level = method.options().idempotency_level();
  const auto& behaviour = method.options().GetExtension(options::v1::http_behaviour);
  route.method = &method;
  route.grpc_method = absl::StrCat("/", method.service()->full_name(), "/", method.name());
  route.takes_body = !rule.body().empty();
  if (!route.takes_body) route.parameters = ParametersOf(route);
  route.only_reads = level == MethodOptions::NO_SIDE_EFFECTS;
  route.is_idempotent = route.only_reads || level == MethodOptions::IDEMPOTENT;
  route.streams = method.server_streaming();
  if (behaviour.status() != 0) route.status = behaviour.status();
  route.alternative_status = behaviour.alternative_status();
  if (behaviour.deadline_ms() != 0) route.deadline_ms = behaviour.deadline_ms();
  PLAYLOG_RETURN_IF_ERROR(ReadForms(behaviour, route));
  PLAYLOG_RETURN_IF_ERROR(ReadSourceRouting(route));
  PLAYLOG_RETURN_IF_ERROR(ReadRevisioned(route));
  return route;
}

}  // namespace

absl::StatusOr<std::vector<PathSegment>> ParseRouteTemplate(std::string_view path,
                                                            const Descriptor* request) {
  if (!path.starts_with('/')) return Refuse(path, "a path begins with a slash");
  std::vector<PathSegment> segments;
  if (path == "/") return segments;
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::size_t length = std::min(rest.find('/'), rest.size());
    PLAYLOG_ASSIGN_OR_RETURN(PathSegment segment,
                             ParseSegment(path, rest.substr(0, length), request));
    const bool is_bound_twice =
        segment.field != nullptr &&
        std::any_of(segments.begin(), segments.end(),
                    [&segment](const PathSegment& other) { return other.field == segment.field; });
    if (is_bound_twice) return Refuse(path, "a variable stands twice");
    segments.push_back(std::move(segment));
    rest.remove_prefix(length);
  }
  return segments;
}

absl::StatusOr<std::vector<Route>> RoutesOf(const MethodDescriptor& method) {
  const auto& access = method.options().GetExtension(options::v1::access);
  if (access.who_case() == options::v1::Access::WHO_NOT_SET) {
    return Refuse(method.full_name(), "it does not say who may call it");
  }
  const auto& service = method.service()->options();
  if (service.GetExtension(options::v1::served_by_sources) &&
      service.HasExtension(options::v1::served_by)) {
    return Refuse(method.full_name(), "its service is served_by one and served_by_sources");
  }
  std::vector<Route> routes;
  if (!method.options().HasExtension(google::api::http)) return routes;
  if (method.client_streaming()) return Refuse(method.full_name(), "it streams its requests");
  const google::api::HttpRule& rule = method.options().GetExtension(google::api::http);
  PLAYLOG_ASSIGN_OR_RETURN(Route route, RouteOf(method, rule));
  routes.push_back(std::move(route));
  for (const google::api::HttpRule& additional : rule.additional_bindings()) {
    PLAYLOG_ASSIGN_OR_RETURN(Route next, RouteOf(method, additional));
    routes.push_back(std::move(next));
  }
  return routes;
}

}  // namespace playlog::gateway
