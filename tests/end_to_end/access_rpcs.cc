#include "tests/end_to_end/access_rpcs.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "services/gateway/router.h"

namespace playlog::harness {

using google::protobuf::MethodDescriptor;
using options::v1::Access;

std::vector<const MethodDescriptor*> PlaylogRpcs() {
  std::vector<const MethodDescriptor*> rpcs;
  const auto services = gateway::PlaylogServices();
  EXPECT_TRUE(services.ok());
  for (const auto* service : *services) {
    for (int i = 0; i < service->method_count(); ++i) rpcs.push_back(service->method(i));
  }
  return rpcs;
}

std::vector<std::string> ServersOf(const MethodDescriptor& rpc) {
  const std::string server = rpc.service()->options().GetExtension(options::v1::served_by);
  if (server.empty()) return {"spotify_ingest", "lastfm_ingest"};
  return {server};
}

std::string PathOf(const MethodDescriptor& rpc) {
  return absl::StrCat("/", rpc.service()->full_name(), "/", rpc.name());
}

const Access& AccessOf(const MethodDescriptor& rpc) {
  return rpc.options().GetExtension(options::v1::access);
}

}  // namespace playlog::harness
