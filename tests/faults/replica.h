#ifndef PLAYLOG_TESTS_FAULTS_REPLICA_H_
#define PLAYLOG_TESTS_FAULTS_REPLICA_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/rpc/client.h"
#include "common/rpc/server.h"
#include "tests/faults/fault_test.h"
#include "tests/harness/stack.h"

namespace playlog::faults {

// The stub of one process of a service, such as `lastfm_ingest_2`, once it serves. The gateway
// knows one address of each service, so an experiment with replicas calls them itself. Fails the
// running test if the process does not get ready.
template <class Service>
std::unique_ptr<typename Service::Stub> AwaitReplica(const harness::Stack& stack,
                                                     const std::string& service,
                                                     const std::string& process) {
  const std::string tls = stack.TlsDirectoryOf("operator");
  const std::string address = "unix:" + stack.SocketOf(process);
  EXPECT_TRUE(harness::Await(
      kBackTime, [&] { return rpc::CheckHealth(service, address, tls, absl::Seconds(2)).ok(); },
      absl::Milliseconds(50)))
      << process << " does not get ready";
  return Service::NewStub(rpc::Connect(service, address, tls));
}

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_REPLICA_H_
