#ifndef PLAYLOG_COMMON_HTTP_CURL_CLIENT_H_
#define PLAYLOG_COMMON_HTTP_CURL_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/http/client.h"

namespace playlog::http {

struct CurlOptions {
  absl::Duration connect_timeout = absl::Seconds(2);  // For name and TCP.
  absl::Duration tls_timeout = absl::Seconds(3);      // Added to it for https.
  absl::Duration try_timeout = absl::Seconds(10);     // From the first byte to the last.
  // A body that is slower than this after the grace is given up, so that a drip does not hold on
  // to a worker for the whole try.
  absl::Duration slow_body_grace = absl::Seconds(3);
  long slow_body_bytes_per_second = 1024;
  std::size_t max_header_bytes = 64 << 10;  // With trailers.
  int max_headers = 200;
  int max_idle_handles = 16;  // Each keeps at most one idle connection.
  std::string user_agent = "Playlog/0.1";
  std::string ca_file = {};  // Trusted roots; empty means the system's.
  // Lists of revoked certificates in PEM. Each authority of a server's chain must have a list there
  // that is not out of date, or the server is not talked to. Empty: nobody asks. Read anew for each
  // connection.
  std::string crl_file = {};
};

// A Client over libcurl that keeps its connections. https is verified (peer and host name, TLS 1.2
// or newer); http is for loopback literals alone; a host name must not resolve to a private
// address; proxies of the environment are not used. The process ignores SIGPIPE from the first
// client on. Thread-safe; a call blocks its thread at most until its deadline.
class CurlClient final : public Client {
 public:
  explicit CurlClient(CurlOptions options = {});
  ~CurlClient() override;
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  absl::StatusOr<Response> Get(const Request& request) override;
  absl::StatusOr<Response> Post(const Request& request) override;

 private:
  class Handle;
  absl::StatusOr<Response> Send(const Request& request, bool post);
  std::unique_ptr<Handle> Take() ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(std::unique_ptr<Handle> handle) ABSL_LOCKS_EXCLUDED(mutex_);

  const CurlOptions options_;
  absl::Mutex mutex_;
  // A stack: the handle that was used last has the warmest connection.
  std::vector<std::unique_ptr<Handle>> idle_ ABSL_GUARDED_BY(mutex_);
};

// Says in one line what is wrong with a file of lists of revoked certificates: it cannot be read,
// or there is no list in it. A client that was given such a file would talk to no server.
absl::Status CheckCrlFile(const std::string& path);

}  // namespace playlog::http

#endif  // PLAYLOG_COMMON_HTTP_CURL_CLIENT_H_
