#ifndef PLAYLOG_TESTS_END_TO_END_RPC_CALLER_H_
#define PLAYLOG_TESTS_END_TO_END_RPC_CALLER_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/status.h"

namespace playlog::harness {

// Calls the RPCs of one server by name, as the holder of one certificate. For one thread at a time.
class RpcCaller {
 public:
  // `server` is the name that the server's certificate must have. `tls_directory` holds ca.pem and,
  // unless the caller shows no certificate, cert.pem and key.pem; empty: the caller speaks no TLS.
  RpcCaller(const std::string& server, const std::string& address,
            const std::string& tls_directory);

  // Calls an RPC ("/playlog.auth.v1.UserService/GetMe") with a request in wire form and, unless it
  // is empty, a user's token, and reads the answer, or up to 100 parts of one. Ends within 20 s.
  // UNAVAILABLE without an ErrorDetail: there was no connection.
  absl::Status Call(const std::string& method, const std::string& request,
                    const std::string& token) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_RPC_CALLER_H_
