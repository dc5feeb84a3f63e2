#ifndef PLAYLOG_COMMON_HTTP_RAW_SERVER_H_
#define PLAYLOG_COMMON_HTTP_RAW_SERVER_H_

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace playlog::testing {

// A connection that a RawServer accepted. A peer that left makes writes fail silently.
class RawConnection {
 public:
  RawConnection(int descriptor, const std::atomic<bool>& stopping)
      : descriptor_(descriptor), stopping_(stopping) {}

  int descriptor() const { return descriptor_; }
  // Reads up to the end of a request's head; "" when the peer left or the test ends.
  std::string ReadHead();
  // Returns false when the peer left.
  bool Write(std::string_view bytes);
  // Waits until the peer closes or the test ends: how a server hangs.
  void Hang();
  // Ends the connection with RST in place of FIN.
  void Reset();

 private:
  const int descriptor_;
  const std::atomic<bool>& stopping_;
};

// A TCP server on a free loopback port that does to each connection what the test says: bytes, not
// HTTP. Ends, with all its connections, when it dies.
class RawServer {
 public:
  using Handler = std::function<void(RawConnection&)>;

  explicit RawServer(Handler handler);
  // Answers each request of each connection with these bytes and keeps the connection open.
  explicit RawServer(std::string answer, bool close_after = true);
  ~RawServer();

  std::string Url(std::string_view path = "/", std::string_view scheme = "http") const;
  int connections() const { return connections_; }
  // The heads that ReadHead returned, in order.
  std::vector<std::string> heads() const;

 private:
  void Accept();

  Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  mutable absl::Mutex mutex_;
  std::vector<std::string> heads_;
  std::vector<std::thread> sessions_;
  std::thread acceptor_;
};

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_HTTP_RAW_SERVER_H_
