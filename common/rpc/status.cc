#include "common/rpc/status.h"

#include <string>

#include "absl/strings/cord.h"
#include "common/base/error.h"
#include "google/rpc/status.pb.h"

namespace playlog::rpc {
namespace {

const char* GeneralText(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "Temporarily unavailable";
    case absl::StatusCode::kDeadlineExceeded:
      return "Deadline exceeded";
    case absl::StatusCode::kCancelled:
      return "Cancelled";
    case absl::StatusCode::kResourceExhausted:
      return "Overloaded";
    default:
      return "Internal error";
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const auto detail = status.GetPayload(kErrorDetailType);
  if (!detail.has_value()) return {code, GeneralText(status.code())};
  google::rpc::Status message;
  message.set_code(static_cast<int>(status.code()));
  message.set_message(std::string(status.message()));
  google::protobuf::Any* any = message.add_details();
  any->set_type_url(kErrorDetailType);
  any->set_value(std::string(*detail));
  return {code, std::string(status.message()), message.SerializeAsString()};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status message;
  if (message.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& any : message.details()) {
      result.SetPayload(any.type_url(), absl::Cord(any.value()));
    }
  }
  return result;
}

}  // namespace playlog::rpc
