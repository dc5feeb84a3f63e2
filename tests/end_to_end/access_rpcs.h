#ifndef PLAYLOG_TESTS_END_TO_END_ACCESS_RPCS_H_
#define PLAYLOG_TESTS_END_TO_END_ACCESS_RPCS_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "playlog/options/v1/options.pb.h"

namespace playlog::harness {

// Every RPC of the packages playlog.*, from the protos that are linked.
std::vector<const google::protobuf::MethodDescriptor*> PlaylogRpcs();

// The servers that have the RPC: the one that its service names, or else each ingest service.
std::vector<std::string> ServersOf(const google::protobuf::MethodDescriptor& rpc);

// As gRPC writes it: "/playlog.auth.v1.UserService/GetMe".
std::string PathOf(const google::protobuf::MethodDescriptor& rpc);

// Who may call it, as its proto says.
const options::v1::Access& AccessOf(const google::protobuf::MethodDescriptor& rpc);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_ACCESS_RPCS_H_
