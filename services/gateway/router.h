#ifndef PLAYLOG_SERVICES_GATEWAY_ROUTER_H_
#define PLAYLOG_SERVICES_GATEWAY_ROUTER_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/cookies.h"
#include "services/gateway/json_plan.h"

namespace playlog::gateway {

// Who may call a route.
enum class Caller { kAnyone, kUser, kStaff };

// A piece of a path between slashes: a literal, or a variable that is bound to a request field.
struct PathSegment {
  std::string literal;
  const google::protobuf::FieldDescriptor* field = nullptr;
};

// A parameter of the query: a field of the request, `limit`, or a field of a message in it,
// `filter.source`.
struct QueryParameter {
  std::string name;
  const google::protobuf::FieldDescriptor* parent = nullptr;  // Null for a field of the request.
  const google::protobuf::FieldDescriptor* field = nullptr;
};

// What one verb on one path does. All that the gateway knows of an RPC stands here.
struct Route {
  std::string verb;  // "GET"
  std::string path;  // As annotated: "/users/api-keys/{service_name}".
  std::vector<PathSegment> segments;

  // Null for a local path, which the gateway answers itself.
  const google::protobuf::MethodDescriptor* method = nullptr;
  std::string grpc_method;                             // "/playlog.auth.v1.UserService/Register"
  const google::protobuf::Message* request = nullptr;  // An empty request to make more from.
  const JsonPlan* answer = nullptr;                    // How the response becomes JSON.

  Caller caller = Caller::kAnyone;
  bool takes_body = false;  // The request comes from a JSON body, else from the query.
  bool only_reads = false;  // NO_SIDE_EFFECTS: HEAD works, and a repetition does no harm.
  bool is_idempotent = false;
  bool streams = false;        // The response comes in parts of one message.
  int status = 200;            // Of a successful answer; 204 has no body.
  int alternative_status = 0;  // What the service may choose instead; 0 if nothing.
  int deadline_ms = 5000;
  bool ignores_unknown_parameters = false;
  bool revisioned = false;  // Answers have revisions and get an ETag (revisioned_answers.h).

  std::vector<QueryParameter> parameters;  // In the order of declaration.

  std::vector<CookieField> request_cookies;  // The request's fields that come as cookies.
  std::vector<CookieField> answer_cookies;   // The answer's fields that are set as cookies.

  // Of an answer that is not JSON: its media type; but for events the number of the field with its
  // bytes; and the name under which browsers save it, empty for one that they show.
  std::string content_type;
  int body_number = 0;
  std::string file_name;
  // Each part of the stream is the JSON of a server-sent event.
  bool is_event_stream = false;

  // Every ingest service serves the RPC, and the request's fields `source` and `job_id`, where it
  // has them, say which one is meant (source_routing.h).
  bool by_source = false;
  const google::protobuf::FieldDescriptor* source = nullptr;
  const google::protobuf::FieldDescriptor* job_id = nullptr;

  // The answer's body is the bytes of its field `body`.
  bool IsRaw() const { return body_number != 0; }
};

// What the router makes of a verb and a path.
struct Routing {
  // BAD_REQUEST for a malformed path, NOT_FOUND, METHOD_NOT_ALLOWED, NOT_IMPLEMENTED for a verb
  // that HTTP does not know.
  absl::Status status;
  // Where the request goes. Null on an error and for OPTIONS, which is answered with 204.
  const Route* route = nullptr;
  // The verb was HEAD: the answer is that of GET without its body.
  bool is_head = false;
  // For the Allow field of OPTIONS and METHOD_NOT_ALLOWED.
  std::string allow;
  // The decoded values of the path's variables, in the order of the path.
  std::vector<std::string> path_values;
};

// Finds the RPC that a verb and a path stand for, by the google.api.http annotations. A literal
// segment wins over a variable, from left to right. Immutable, so safe from any thread.
class Router {
 public:
  // Fails, naming the RPC, where an RPC has no `access` option, is annotated in a way that is not
  // understood, streams requests, has a message that has no form in JSON, a cookie, a body of bytes
  // or events that cannot be served, is served by sources in a way that ReadSourceRouting refuses,
  // or stands on the same verb and path as another. RPCs without an annotation are no routes. Each
  // of `local_paths` ("/healthz") becomes a route for GET and HEAD without a method.
  static absl::StatusOr<std::unique_ptr<Router>> Create(
      std::span<const google::protobuf::ServiceDescriptor* const> services,
      std::span<const std::string> local_paths = {});

  // `path` is the request target up to its `?`, as it was sent: segments are decoded after they are
  // split. One trailing slash is ignored.
  Routing Find(std::string_view verb, std::string_view path) const;

  const std::vector<std::unique_ptr<const Route>>& routes() const { return routes_; }

 private:
  Router() = default;
  absl::Status AddMethod(const google::protobuf::MethodDescriptor& method);
  absl::Status AddRoute(std::unique_ptr<Route> route);

  google::protobuf::DynamicMessageFactory messages_;
  JsonPlans plans_;
  std::vector<std::unique_ptr<const Route>> routes_;  // The most specific first.
};

// Every service of the packages playlog.*, from the descriptors that are compiled in. Fails if one
// of them is not linked into the program.
absl::StatusOr<std::vector<const google::protobuf::ServiceDescriptor*>> PlaylogServices();

// The descriptor set of the protos and what they import, with their comments, as protoc wrote it.
std::string_view DescriptorSet();

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_ROUTER_H_
