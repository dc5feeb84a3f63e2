#include "services/gateway/openapi.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "playlog/errors/v1/error_code.pb.h"
#include "services/gateway/field_rules.h"
#include "services/gateway/openapi_schemas.h"

namespace playlog::gateway {
namespace {

namespace json = boost::json;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;
using Direction = OpenApiSchemas::Direction;

constexpr std::string_view kErrorCodeType = "playlog.errors.v1.ErrorCode";

// Builds the protos once more, with the comments that compiled-in descriptors do not have.
bool LoadWithComments(DescriptorPool& pool) {
  google::protobuf::FileDescriptorSet files;
  const std::string_view set = DescriptorSet();
  if (!files.ParseFromArray(set.data(), static_cast<int>(set.size()))) return false;
  for (const auto& file : files.file()) {
    if (pool.BuildFile(file) == nullptr) return false;
  }
  return true;
}

std::string FirstSentence(const std::string& text) {
  const std::size_t end = std::min(text.find(". "), text.find("\n\n"));
  std::string sentence = text.substr(0, end);
  if (sentence.ends_with('.')) sentence.pop_back();
  return sentence;
}

std::string TagOf(const MethodDescriptor& method) {
  std::string name = method.service()->name();
  if (name.ends_with("Service")) name.resize(name.size() - std::string_view("Service").size());
  return name;
}

// The content of an answer that is not JSON. Bytes that are no text have no JSON Schema of their
// own, only a media type.
json::object RawContent(const std::string& content_type) {
  json::object schema{{"type", "string"}};
  if (!content_type.starts_with("text/")) schema = {{"contentMediaType", content_type}};
  return {{content_type, json::object{{"schema", std::move(schema)}}}};
}

json::object JsonContent(json::object schema,
                         const std::string& content_type = "application/json") {
  return {{content_type, json::object{{"schema", std::move(schema)}}}};
}

class Document {
 public:
  explicit Document(const DescriptorPool& pool) : pool_(pool) {}

  absl::Status AddRoute(const Route& route);
  json::object Finish(const OpenApiOptions& options);

 private:
  json::array Parameters(const Route& route, const MethodDescriptor& method,
                         OpenApiSchemas::Fields& not_in_body);
  json::object Content(const Route& route, const MethodDescriptor& method);
  json::object Responses(const Route& route, const MethodDescriptor& method);
  void AddErrors();

  const DescriptorPool& pool_;
  OpenApiSchemas schemas_;
  json::object paths_;
  json::object error_responses_;
  json::object error_schemas_;
  std::map<std::string, std::string> tags_;
  std::set<std::string> operation_ids_;
};

json::array Document::Parameters(const Route& route, const MethodDescriptor& method,
                                 OpenApiSchemas::Fields& not_in_body) {
  json::array parameters;
  const auto add = [&](const FieldDescriptor& field, std::string_view place,
                       const std::string& name) {
    const FieldComment comment = ReadFieldComment(field);
    not_in_body.insert(&field);
    parameters.push_back(json::object{{"name", name},
                                      {"in", place},
                                      {"required", place == "path" || comment.is_required},
                                      {"description", comment.text},
                                      {"schema", schemas_.Parameter(field)}});
  };
  for (const PathSegment& segment : route.segments) {
    if (segment.field != nullptr) {
      const std::string& name = segment.field->name();
      add(*method.input_type()->FindFieldByName(name), "path", name);
    }
  }
  for (const CookieField& cookie : route.request_cookies) {
    add(*method.input_type()->FindFieldByName(cookie.field->name()), "cookie", cookie.name);
  }
  for (const QueryParameter& parameter : route.parameters) {
    const google::protobuf::Descriptor* type = method.input_type();
    if (parameter.parent != nullptr) {
      type = type->FindFieldByName(parameter.parent->name())->message_type();
    }
    add(*type->FindFieldByName(parameter.field->name()), "query", parameter.name);
  }
  return parameters;
}

// The statuses of errors that an operation can answer with, from what it takes and who may call it,
// and from the gRPC codes that its comment names.
std::set<int> ErrorStatuses(const Route& route, const MethodDescriptor& method) {
  std::set<int> statuses = {429, 500, 503, 504};
  if (method.input_type()->field_count() > 0) statuses.insert(400);
  if (route.takes_body) statuses.insert({413, 415});
  if (route.caller != Caller::kAnyone) statuses.insert(401);
  if (route.caller == Caller::kStaff) statuses.insert(403);
  const std::string comment = CommentOf(method);
  constexpr std::pair<std::string_view, int> kNamedCodes[] = {
      {"INVALID_ARGUMENT", 400},  {"FAILED_PRECONDITION", 400}, {"UNAUTHENTICATED", 401},
      {"PERMISSION_DENIED", 403}, {"NOT_FOUND", 404},           {"ALREADY_EXISTS", 409},
      {"NOT_IMPLEMENTED", 501}};
  for (const auto& [name, status] : kNamedCodes) {
    if (comment.find(name) != std::string::npos) statuses.insert(status);
  }
  return statuses;
}

// The header fields of an answer that sets cookies.
json::object CookieHeaders(const Route& route, const MethodDescriptor& method) {
  std::string description;
  for (const CookieField& cookie : route.answer_cookies) {
    const FieldDescriptor& field = *method.output_type()->FindFieldByName(cookie.field->name());
    absl::StrAppend(&description, description.empty() ? "" : "\n\n", "`", cookie.name,
                    "`: ", ReadFieldComment(field).text);
  }
  json::object set_cookie{{"description", description},
                          {"schema", json::object{{"type", "string"}}}};
  return {{"Set-Cookie", std::move(set_cookie)}};
}

// What a client sends to learn whether the answer that it has still holds.
json::object NoneMatchParameter() {
  return {{"name", "If-None-Match"},
          {"in", "header"},
          {"required", false},
          {"description", "The `ETag` of an answer that the client has, or several in a list."},
          {"schema", json::object{{"type", "string"}}}};
}

// The header field of an answer that has a revision.
json::object EntityTagHeader() {
  return {{"ETag", json::object{{"description",
                                 "Names the answer. It is another one after every change of what "
                                 "the answer is made from."},
                                {"schema", json::object{{"type", "string"}}}}}};
}

// The content of a successful answer. The schema of events is that of the data of each.
json::object Document::Content(const Route& route, const MethodDescriptor& method) {
  if (route.IsRaw()) return RawContent(route.content_type);
  json::object schema = schemas_.Message(*method.output_type(), Direction::kResponse);
  if (route.is_event_stream) return JsonContent(std::move(schema), route.content_type);
  return JsonContent(std::move(schema));
}

json::object Document::Responses(const Route& route, const MethodDescriptor& method) {
  json::object responses;
  const auto add_success = [&](int status) {
    json::object response{{"description", CommentOf(*method.output_type())}};
    if (!route.answer_cookies.empty()) response["headers"] = CookieHeaders(route, method);
    if (route.revisioned) response["headers"] = EntityTagHeader();
    if (status != 204) response["content"] = Content(route, method);
    responses[absl::StrCat(status)] = std::move(response);
  };
  if (route.alternative_status != 0) add_success(route.alternative_status);
  add_success(route.status);
  if (route.revisioned) {
    responses["304"] =
        json::object{{"description", "The answer with the tag that the client sent still holds."},
                     {"headers", EntityTagHeader()}};
  }
  for (const int status : ErrorStatuses(route, method)) {
    json::value& response = responses[absl::StrCat(status)];
    if (response.is_object()) {
      // The same status as an answer and, where the gateway refuses the request, as an error.
      for (auto& member : JsonContent({{"$ref", "#/components/schemas/Error"}})) {
        response.at("content").as_object()[member.key()] = member.value();
      }
      continue;
    }
    response = json::object{{"$ref", absl::StrCat("#/components/responses/Error", status)}};
  }
  return responses;
}

absl::Status Document::AddRoute(const Route& route) {
  const MethodDescriptor* method = pool_.FindMethodByName(route.method->full_name());
  if (method == nullptr) {
    return InternalError(absl::StrCat(route.method->full_name(), " is not in the descriptor set"));
  }
  const std::string comment = CommentOf(*method);
  std::string operation_id = absl::StrCat(method->service()->name(), "_", method->name());
  while (!operation_ids_.insert(operation_id).second) operation_id += "_";
  tags_.try_emplace(TagOf(*method), CommentOf(*method->service()));
  json::object operation{{"operationId", operation_id},
                         {"tags", json::array{TagOf(*method)}},
                         {"summary", FirstSentence(comment)},
                         {"description", comment}};
  OpenApiSchemas::Fields not_in_body;
  json::array parameters = Parameters(route, *method, not_in_body);
  if (route.revisioned) parameters.push_back(NoneMatchParameter());
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (route.takes_body) {
    json::object schema = schemas_.Message(*method->input_type(), Direction::kRequest, not_in_body);
    operation["requestBody"] =
        json::object{{"required", true}, {"content", JsonContent(std::move(schema))}};
  }
  operation["responses"] = Responses(route, *method);
  json::array security;
  if (route.caller != Caller::kAnyone) security.push_back(json::object{{"bearer", json::array()}});
  operation["security"] = std::move(security);
  json::value& path = paths_[route.path];
  if (!path.is_object()) path.emplace_object();
  path.get_object()[absl::AsciiStrToLower(route.verb)] = std::move(operation);
  return absl::OkStatus();
}

// Describes the one form of all errors, and for each status the codes that have it.
void Document::AddErrors() {
  const auto& type = *pool_.FindEnumTypeByName(std::string(kErrorCodeType));
  json::array names;
  std::map<int, std::string> codes_of_status;
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    if (value.number() == 0) continue;
    const auto code = static_cast<ErrorCode>(value.number());
    names.emplace_back(NameOf(code));
    absl::StrAppend(&codes_of_status[HttpStatusOf(code)], "\n\n- `", NameOf(code),
                    "`: ", CommentOf(value));
  }
  for (const auto& [status, codes] : codes_of_status) {
    error_responses_[absl::StrCat("Error", status)] =
        json::object{{"description", absl::StrCat("An error with one of the codes", codes)},
                     {"content", JsonContent({{"$ref", "#/components/schemas/Error"}})}};
  }
  const auto text = [](std::string_view description) {
    return json::object{{"type", "string"}, {"description", description}};
  };
  json::object code{{"type", "string"},
                    {"description", "The kind of error, for programs."},
                    {"enum", std::move(names)}};
  error_schemas_["Error"] =
      json::object{{"type", "object"},
                   {"description", "What every error's body looks like."},
                   {"properties", json::object{{"error", text("What is wrong, for people.")},
                                               {"code", std::move(code)},
                                               {"detail", text("What to do about it.")},
                                               {"request_id", text("The request's id, by which "
                                                                   "operators find it.")}}},
                   {"required", json::array{"error", "code", "detail", "request_id"}}};
}

json::object Document::Finish(const OpenApiOptions& options) {
  AddErrors();
  json::array tags;
  for (const auto& [name, description] : tags_) {
    tags.push_back(json::object{{"name", name}, {"description", description}});
  }
  json::object schemas = schemas_.Take();
  for (auto& member : error_schemas_) schemas[member.key()] = member.value();
  json::object bearer{{"type", "http"},
                      {"scheme", "bearer"},
                      {"bearerFormat", "JWT"},
                      {"description", "The access token that a sign-in answers."}};
  return {
      {"openapi", "3.1.0"},
      {"info",
       json::object{
           {"title", "Playlog"},
           {"summary", "A person's listening history."},
           {"description", "Fetches plays from Spotify and Last.fm, keeps each once, serves them."},
           {"license", json::object{{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}},
           {"version", options.version}}},
      {"servers", json::array{json::object{{"url", options.server_url}}}},
      {"tags", std::move(tags)},
      {"paths", std::move(paths_)},
      {"components",
       json::object{{"schemas", std::move(schemas)},
                    {"responses", std::move(error_responses_)},
                    {"securitySchemes", json::object{{"bearer", std::move(bearer)}}}}}};
}

}  // namespace

absl::StatusOr<std::string> MakeOpenApi(const Router& router, const OpenApiOptions& options) {
  DescriptorPool pool;
  if (!LoadWithComments(pool)) return InternalError("the descriptor set does not build");
  Document document(pool);
  for (const auto& route : router.routes()) {
    if (route->method == nullptr) continue;
    if (absl::Status status = document.AddRoute(*route); !status.ok()) return status;
  }
  return json::serialize(document.Finish(options));
}

}  // namespace playlog::gateway
