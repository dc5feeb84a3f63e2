#include "tests/faults/http2_peer.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"

namespace playlog::faults {
namespace {

constexpr absl::Duration kSendTime = absl::Seconds(5);

void SetTime(int descriptor, int option, absl::Duration time) {
  const timeval limit = absl::ToTimeval(time);
  setsockopt(descriptor, SOL_SOCKET, option, &limit, sizeof(limit));
}

// An integer with a prefix of seven bits, the eighth being 0 (RFC 7541, section 5.1).
void AppendLength(std::string& to, std::size_t length) {
  constexpr std::size_t kPrefixMax = 127;
  if (length < kPrefixMax) {
    to.push_back(static_cast<char>(length));
    return;
  }
  to.push_back(static_cast<char>(kPrefixMax));
  for (length -= kPrefixMax; length >= 128; length /= 128) {
    to.push_back(static_cast<char>(length % 128 + 128));
  }
  to.push_back(static_cast<char>(length));
}

}  // namespace

std::string Http2Frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                       std::string_view payload) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(payload.size() >> shift));
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(stream >> shift));
  frame += payload;
  return frame;
}

std::string Http2Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Frame(FrameType::kSettings, 0, 0, "");
}

std::string HeaderBlock(const HeaderFields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back(0);
    AppendLength(block, name.size());
    block += name;
    AppendLength(block, value.size());
    block += value;
  }
  return block;
}

HeaderFields CallFields(const std::string& rpc) {
  return {{":method", "POST"},     {":scheme", "https"}, {":path", rpc},
          {":authority", "flood"}, {"te", "trailers"},   {"content-type", "application/grpc"}};
}

std::string HeaderFrames(std::uint32_t stream, std::string_view block, std::size_t frame_bytes) {
  std::string frames;
  FrameType type = FrameType::kHeaders;
  do {
    const std::string_view part = block.substr(0, frame_bytes);
    block.remove_prefix(part.size());
    frames += Http2Frame(type, block.empty() ? kEndHeaders : 0, stream, part);
    type = FrameType::kContinuation;
  } while (!block.empty());
  return frames;
}

int ConnectToSocket(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  SetTime(descriptor, SO_SNDTIMEO, kSendTime);
  SetTime(descriptor, SO_RCVTIMEO, kSendTime);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) {
    return descriptor;
  }
  close(descriptor);
  return -1;
}

Http2Peer::Http2Peer(const std::string& socket_path, const std::string& tls_directory)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  // OpenSSL writes to sockets that may be closed.
  std::signal(SIGPIPE, SIG_IGN);
  if (!tls_directory.empty()) {
    const std::string certificate = tls_directory + "/cert.pem";
    const std::string key = tls_directory + "/key.pem";
    SSL_CTX_use_certificate_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM);
  }
  constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_CTX_set_alpn_protos(context_.get(), kHttp2, sizeof(kHttp2));
  socket_ = ConnectToSocket(socket_path);
  if (socket_ < 0) return;
  session_.reset(SSL_new(context_.get()), SSL_free);
  SSL_set_fd(session_.get(), socket_);
  connected_ = SSL_connect(session_.get()) == 1;
}

Http2Peer::~Http2Peer() {
  session_.reset();
  if (socket_ >= 0) close(socket_);
}

bool Http2Peer::Send(std::string_view bytes) {
  if (!connected_) return false;
  while (!bytes.empty()) {
    const std::size_t piece = std::min<std::size_t>(bytes.size(), 16 << 10);
    const int sent = SSL_write(session_.get(), bytes.data(), static_cast<int>(piece));
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Http2Peer::Receive(absl::Duration quiet, std::size_t bytes_max) {
  std::string received;
  if (!connected_) return received;
  SetTime(socket_, SO_RCVTIMEO, quiet);
  char buffer[16 << 10];
  while (received.size() < bytes_max) {
    const int bytes = SSL_read(session_.get(), buffer, sizeof(buffer));
    if (bytes <= 0) break;
    received.append(buffer, static_cast<std::size_t>(bytes));
  }
  return received;
}

}  // namespace playlog::faults
