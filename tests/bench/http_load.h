#ifndef PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_
#define PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace playlog::bench {

struct LoadOptions {
  int port = 0;  // On 127.0.0.1.
  std::string request;
  int connections = 32;
  absl::Duration time;
  // Every answer must be a 200 with a body of this size.
  std::size_t body_bytes = 0;
};

// Closed-loop load by one thread: each connection sends its next request when its answer is whole.
// It tells throughput; its latencies would leave out the time that requests wait to be sent. A
// connection that the server closes after an answer is opened again. Returns the good answers a
// second. Throws std::runtime_error at the first answer that is not good.
double AnswersPerSecond(const LoadOptions& options);

// What reading one whole answer took.
struct Drained {
  int status = 0;
  std::size_t body_bytes = 0;
  absl::Duration first_byte;  // From sending the request, on a connection that was there.
  absl::Duration whole;       // To the last byte.
};

// Sends one request on a connection of its own and reads the answer to its end. Throws
// std::runtime_error when there is no whole answer within a minute.
Drained Drain(int port, const std::string& request);

// A GET request of HTTP/1.1 with a token.
std::string GetRequest(const std::string& target, const std::string& token);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_
