#include "services/gateway/request_binder.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "playlog/errors/v1/error_detail.pb.h"
#include "services/gateway/field_rules.h"
#include "services/gateway/json_reader.h"
#include "services/gateway/url_text.h"

namespace playlog::gateway {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxParameters = 100;

absl::Status ToParameterError(const absl::Status& status) {
  errors::v1::ErrorDetail detail;
  const auto payload = status.GetPayload(kErrorDetailType);
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return status;
  detail.set_code(errors::v1::ERROR_CODE_INVALID_PARAMETER);
  absl::Status converted = status;
  converted.SetPayload(kErrorDetailType, absl::Cord(detail.SerializeAsString()));
  return converted;
}

absl::Status MalformedQuery(std::string_view why) {
  return Error(errors::v1::ERROR_CODE_BAD_REQUEST, absl::StrCat("Malformed query: ", ToAbsl(why)),
               "Write it as name=value&name=value, percent-encoded as UTF-8.");
}

// Whether the path of the route gives the field.
bool IsInPath(const Route& route, const FieldDescriptor* field) {
  return std::any_of(route.segments.begin(), route.segments.end(),
                     [field](const PathSegment& segment) { return segment.field == field; });
}

// Sets one query parameter, in its decoded form.
absl::Status BindParameter(const Route& route, const std::string& name, const std::string& value,
                           absl::flat_hash_set<std::string>& seen, Message& request) {
  const auto parameter =
      std::find_if(route.parameters.begin(), route.parameters.end(),
                   [&name](const QueryParameter& candidate) { return candidate.name == name; });
  if (parameter == route.parameters.end()) {
    if (route.ignores_unknown_parameters) return absl::OkStatus();
    return Error(errors::v1::ERROR_CODE_UNKNOWN_PARAMETER,
                 absl::StrCat("Unknown parameter: ", Shortened(name)),
                 "Leave the parameter out, or check its spelling.");
  }
  if (!parameter->field->is_repeated() && !seen.insert(name).second) {
    return Error(errors::v1::ERROR_CODE_INVALID_PARAMETER,
                 absl::StrCat("Invalid ", name, ": given twice"), "Give each parameter once.");
  }
  Message& message = parameter->parent == nullptr
                         ? request
                         : *request.GetReflection()->MutableMessage(&request, parameter->parent);
  const absl::Status status = SetFieldFromText(message, *parameter->field, value, name);
  return status.ok() ? status : ToParameterError(status);
}

absl::Status BindQuery(const Route& route, std::string_view query, Message& request) {
  absl::flat_hash_set<std::string> seen;
  int count = 0;
  bool is_at_end = query.empty();
  while (!is_at_end) {
    if (++count > kMaxParameters) {
      return MalformedQuery(absl::StrCat("it has over ", kMaxParameters, " parameters"));
    }
    const std::size_t length = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, length);
    const std::size_t name_length = std::min(parameter.find('='), parameter.size());
    const std::string_view encoded_value =
        parameter.substr(std::min(name_length + 1, parameter.size()));
    const std::optional<std::string> name = DecodeUrlText(parameter.substr(0, name_length), true);
    const std::optional<std::string> value = DecodeUrlText(encoded_value, true);
    if (!name.has_value() || !value.has_value() || name->find('\0') != std::string::npos) {
      return MalformedQuery("it has an escape or a character that is not allowed");
    }
    if (name->empty()) return MalformedQuery("a parameter has no name");
    PLAYLOG_RETURN_IF_ERROR(BindParameter(route, *name, *value, seen, request));
    is_at_end = length == query.size();
    query.remove_prefix(is_at_end ? length : length + 1);
  }
  return absl::OkStatus();
}

absl::Status BindCookies(const Route& route, const HttpHeaders& headers, Message& request) {
  for (const CookieField& cookie : route.request_cookies) {
    PLAYLOG_ASSIGN_OR_RETURN(std::optional<std::string> value, FindCookie(headers, cookie.name));
    if (!value.has_value()) continue;
    request.GetReflection()->SetString(&request, cookie.field, *std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Message>> BindRequest(const Route& route,
                                                     const std::vector<std::string>& path_values,
                                                     std::string_view query, std::string_view body,
                                                     const HttpHeaders& headers) {
  std::unique_ptr<Message> request(route.request->New());
  std::vector<const FieldDescriptor*> in_path;
  for (const PathSegment& segment : route.segments) {
    if (segment.field != nullptr) in_path.push_back(segment.field);
  }
  PLAYLOG_RETURN_IF_ERROR(BindQuery(route, query, *request));
  if (route.takes_body) {
    std::vector<const FieldDescriptor*> elsewhere = in_path;
    for (const CookieField& cookie : route.request_cookies) elsewhere.push_back(cookie.field);
    PLAYLOG_RETURN_IF_ERROR(ReadJson(body, *request, elsewhere));
  } else if (!body.empty()) {
    return Error(errors::v1::ERROR_CODE_BAD_REQUEST, "Unexpected body",
                 "Send this request without a body.");
  }
  for (std::size_t i = 0; i < in_path.size(); ++i) {
    const absl::Status status =
        SetFieldFromText(*request, *in_path[i], path_values[i], in_path[i]->name());
    if (!status.ok()) return ToParameterError(status);
  }
  PLAYLOG_RETURN_IF_ERROR(BindCookies(route, headers, *request));
  return request;
}

bool FieldCameFromUrl(const Route& route, std::string_view field) {
  if (route.method == nullptr) return false;
  const std::string name(field.substr(0, field.find_first_of(".[")));
  const FieldDescriptor* found = route.method->input_type()->FindFieldByName(name);
  return found != nullptr && !IsCookie(*found) && (!route.takes_body || IsInPath(route, found));
}

absl::Status ForClientOf(const Route& route, const absl::Status& status) {
  if (CodeOf(status) != errors::v1::ERROR_CODE_INVALID_FIELD) return status;
  return FieldCameFromUrl(route, FieldOf(status)) ? ToParameterError(status) : status;
}

}  // namespace playlog::gateway
