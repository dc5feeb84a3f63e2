#include "common/rpc/policy.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <unordered_map>

#include "absl/synchronization/mutex.h"
#include "common/base/error.h"

namespace playlog::rpc {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;

MethodPolicy MakePolicy(const MethodDescriptor& method) {
  MethodPolicy policy;
  policy.name = method.service()->full_name() + "/" + method.name();
  policy.access = method.options().GetExtension(options::v1::access);
  policy.idempotent = method.options().idempotency_level() != MethodOptions::IDEMPOTENCY_UNKNOWN;
  return policy;
}

const MethodDescriptor* FindMethod(const google::protobuf::Descriptor* request) {
  const google::protobuf::FileDescriptor* file = request->file();
  for (int i = 0; i < file->service_count(); ++i) {
    for (int j = 0; j < file->service(i)->method_count(); ++j) {
      const MethodDescriptor* method = file->service(i)->method(j);
      if (method->input_type() == request) return method;
    }
  }
  return nullptr;
}

}  // namespace

const MethodPolicy& PolicyOf(const google::protobuf::Descriptor* request) {
  static auto* mutex = new absl::Mutex;
  static auto* known =
      new std::unordered_map<const google::protobuf::Descriptor*, std::unique_ptr<MethodPolicy>>;
  const absl::MutexLock lock(mutex);
  std::unique_ptr<MethodPolicy>& policy = (*known)[request];
  if (policy == nullptr) {
    const MethodDescriptor* method = FindMethod(request);
    if (method == nullptr) {
      std::fprintf(stderr, "no RPC takes %s\n", request->full_name().c_str());
      std::abort();
    }
    policy = std::make_unique<MethodPolicy>(MakePolicy(*method));
  }
  return *policy;
}

absl::Status CheckPeer(const MethodPolicy& policy, std::string_view peer) {
  using Who = options::v1::Access;
  bool allowed = false;
  switch (policy.access.who_case()) {
    case Who::kAnyone:
      allowed = policy.access.anyone();
      break;
    case Who::kUser:
      allowed = policy.access.user();
      break;
    case Who::kStaff:
      allowed = policy.access.staff();
      break;
    case Who::kServices: {
      const auto& names = policy.access.services().names();
      allowed = names.empty() || std::find(names.begin(), names.end(), peer) != names.end();
      break;
    }
    case Who::WHO_NOT_SET:
      break;
  }
  // Without a certificate nobody is known, whatever the RPC says.
  if (allowed && !peer.empty()) return absl::OkStatus();
  return Error(errors::v1::ERROR_CODE_PERMISSION_DENIED, "Permission denied",
               "This call is not for you.");
}

bool NeedsUser(const MethodPolicy& policy) { return policy.access.user() || policy.access.staff(); }

}  // namespace playlog::rpc
