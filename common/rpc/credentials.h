#ifndef PLAYLOG_COMMON_RPC_CREDENTIALS_H_
#define PLAYLOG_COMMON_RPC_CREDENTIALS_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace playlog::rpc {

// Mutual TLS from a directory with ca.pem, cert.pem and key.pem. The files are read again while the
// process runs, so a rotation swaps the directory (or the symbolic link to it) and needs no
// restart.

// Says in one line what is wrong with the directory: a file is missing or does not parse, the key
// does not fit the certificate, or others may read the key. gRPC itself would only fail at the
// first handshake.
absl::Status CheckTlsDirectory(const std::string& directory);

// Lets the threads of gRPC go on with their handshakes while the process exits. Without it OpenSSL
// takes itself down under them, and a process that should end with 0 ends with a segmentation
// fault. Called before anything else of OpenSSL.
void KeepOpenSslToTheEnd();

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const std::string& directory);
std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(const std::string& directory);

// Returns the service's name from the URI `spiffe://playlog/<name>` in the peer's certificate;
// empty without a verified certificate that has exactly one such name.
std::string PeerService(const grpc::AuthContext& context);

// Returns the DNS name in a service's certificate: its name with hyphens, as in "song-store".
std::string DnsNameOf(std::string_view service);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_CREDENTIALS_H_
