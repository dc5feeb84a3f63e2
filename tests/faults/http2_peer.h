#ifndef PLAYLOG_TESTS_FAULTS_HTTP2_PEER_H_
#define PLAYLOG_TESTS_FAULTS_HTTP2_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

struct ssl_ctx_st;
struct ssl_st;

namespace playlog::faults {

// The types of RFC 9113, section 6, that a hostile client needs.
enum class FrameType : std::uint8_t {
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kContinuation = 9,
};
inline constexpr std::uint8_t kEndHeaders = 4;  // A flag of HEADERS and CONTINUATION.

// What a client of HTTP/2 sends first: the preface and empty settings.
std::string Http2Preface();
std::string Http2Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                       std::string_view payload);

// A block of header fields as HPACK literals that enter no table (RFC 7541, section 6.2.2).
using HeaderFields = std::vector<std::pair<std::string, std::string>>;
std::string HeaderBlock(const HeaderFields& fields);
// The fields with which a gRPC client begins a call of an RPC, "/package.Service/Rpc".
HeaderFields CallFields(const std::string& rpc);
// HEADERS, and as many CONTINUATION frames of at most `frame_bytes` each as the block needs.
std::string HeaderFrames(std::uint32_t stream, std::string_view block, std::size_t frame_bytes);

// A client that sends a server at a Unix socket whatever bytes a test wants, over TLS that verifies
// nothing. Nothing throws: what goes wrong shows in the results. For one thread at a time.
class Http2Peer {
 public:
  // Shows the certificate of a directory with cert.pem and key.pem; none if it is empty.
  Http2Peer(const std::string& socket_path, const std::string& tls_directory);
  ~Http2Peer();
  Http2Peer(const Http2Peer&) = delete;
  Http2Peer& operator=(const Http2Peer&) = delete;

  // Whether the handshake has succeeded as far as a client can tell: a server that wants another
  // certificate says so only after it (TLS 1.3).
  bool connected() const { return connected_; }
  // Sends all of it; false if the server has closed or takes nothing more for 5 s.
  bool Send(std::string_view bytes);
  // What the server says until it closes, says nothing for `quiet`, or `bytes_max` have come.
  std::string Receive(absl::Duration quiet, std::size_t bytes_max = std::size_t{1} << 20);

 private:
  const std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_st> session_;
  int socket_ = -1;
  bool connected_ = false;
};

// Connects to a Unix socket; -1 if nobody takes the connection.
int ConnectToSocket(const std::string& path);

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_HTTP2_PEER_H_
