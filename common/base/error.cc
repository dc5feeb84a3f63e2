#include "common/base/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"
#include "playlog/errors/v1/error_detail.pb.h"
#include "playlog/options/v1/options.pb.h"

namespace playlog {
namespace {

constexpr std::string_view kNamePrefix = "ERROR_CODE_";

options::v1::ErrorMapping MappingOf(ErrorCode code) {
  const google::protobuf::EnumValueDescriptor* value =
      errors::v1::ErrorCode_descriptor()->FindValueByNumber(code);
  if (value == nullptr || !value->options().HasExtension(options::v1::error_mapping)) {
    options::v1::ErrorMapping internal;
    internal.set_grpc_code(static_cast<int>(absl::StatusCode::kInternal));
    internal.set_http_status(500);
    return internal;
  }
  return value->options().GetExtension(options::v1::error_mapping);
}

absl::Status MakeError(std::string_view text, const errors::v1::ErrorDetail& detail) {
  absl::Status status(static_cast<absl::StatusCode>(MappingOf(detail.code()).grpc_code()),
                      ToAbsl(text));
  status.SetPayload(kErrorDetailType, absl::Cord(detail.SerializeAsString()));
  return status;
}

errors::v1::ErrorDetail MakeDetail(ErrorCode code, std::string_view detail) {
  errors::v1::ErrorDetail message;
  message.set_code(code);
  message.set_detail(std::string(detail));
  return message;
}

std::optional<errors::v1::ErrorDetail> ErrorDetailOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrorDetailType);
  errors::v1::ErrorDetail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

ErrorCode CodeOfForeign(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return errors::v1::ERROR_CODE_UNAVAILABLE;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return errors::v1::ERROR_CODE_DEADLINE_EXCEEDED;
    case absl::StatusCode::kResourceExhausted:
      return errors::v1::ERROR_CODE_OVERLOADED;
    case absl::StatusCode::kNotFound:
      return errors::v1::ERROR_CODE_NOT_FOUND;
    case absl::StatusCode::kPermissionDenied:
      return errors::v1::ERROR_CODE_PERMISSION_DENIED;
    case absl::StatusCode::kUnauthenticated:
      return errors::v1::ERROR_CODE_INVALID_TOKEN;
    default:
      return errors::v1::ERROR_CODE_INTERNAL;
  }
}

}  // namespace

absl::Status Error(ErrorCode code, std::string_view text, std::string_view detail) {
  return MakeError(text, MakeDetail(code, detail));
}

absl::Status RetryableError(ErrorCode code, std::string_view text, std::string_view detail,
                            absl::Duration retry_after) {
  errors::v1::ErrorDetail message = MakeDetail(code, detail);
  // Rounded up to whole seconds, which is all that Retry-After can say.
  message.mutable_retry_after()->set_seconds(
      absl::ToInt64Seconds(absl::Ceil(retry_after, absl::Seconds(1))));
  return MakeError(text, message);
}

absl::Status InvalidField(std::string_view field, std::string_view allowed) {
  errors::v1::ErrorDetail message =
      MakeDetail(errors::v1::ERROR_CODE_INVALID_FIELD,
                 absl::StrCat("Send ", ToAbsl(field), " as ", ToAbsl(allowed), "."));
  message.set_field(std::string(field));
  return MakeError(absl::StrCat("Invalid ", ToAbsl(field), ": must be ", ToAbsl(allowed)), message);
}

absl::Status InternalError(std::string_view what) { return absl::InternalError(ToAbsl(what)); }

ErrorCode CodeOf(const absl::Status& status) {
  const std::optional<errors::v1::ErrorDetail> detail = ErrorDetailOf(status);
  if (!detail.has_value()) return CodeOfForeign(status.code());
  // A code from a newer service that this program does not know is no code to branch on.
  const bool known = errors::v1::ErrorCode_IsValid(detail->code()) && detail->code() != 0;
  return known ? detail->code() : errors::v1::ERROR_CODE_INTERNAL;
}

std::string DetailOf(const absl::Status& status) {
  const std::optional<errors::v1::ErrorDetail> detail = ErrorDetailOf(status);
  return detail.has_value() ? detail->detail() : "";
}

std::string FieldOf(const absl::Status& status) {
  const std::optional<errors::v1::ErrorDetail> detail = ErrorDetailOf(status);
  return detail.has_value() ? detail->field() : "";
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const std::optional<errors::v1::ErrorDetail> detail = ErrorDetailOf(status);
  if (!detail.has_value() || !detail->has_retry_after()) return std::nullopt;
  return absl::Seconds(detail->retry_after().seconds());
}

int HttpStatusOf(ErrorCode code) { return MappingOf(code).http_status(); }

std::string NameOf(ErrorCode code) {
  return errors::v1::ErrorCode_Name(code).substr(kNamePrefix.size());
}

ErrorCode CodeFromName(std::string_view name) {
  ErrorCode code = errors::v1::ERROR_CODE_UNSPECIFIED;
  errors::v1::ErrorCode_Parse(absl::StrCat(ToAbsl(kNamePrefix), ToAbsl(name)), &code);
  return code;
}

}  // namespace playlog
