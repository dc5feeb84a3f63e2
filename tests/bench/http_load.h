#ifndef PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_
#define PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/load_connection.h"

namespace playlog::bench {

// The load of this file is made by the calling thread, and each function throws
// std::runtime_error at the first answer that is not good.

// Gives the next request; the reference is good until the next call.
using NextRequest = std::function<const std::string&()>;

struct LoadOptions {
  int port = 0;  // On 127.0.0.1.
  NextRequest next;
  int connections = 32;
  absl::Duration time = absl::ZeroDuration();
  ExpectedAnswer expected = {};
};

// Closed-loop load: each connection sends its next request when its answer is whole. It tells
// throughput; its latencies would leave out the time that requests wait to be sent. Returns the
// good answers a second.
double AnswersPerSecond(const LoadOptions& options);

// Open-loop load: requests are due at even distances, whatever became of those before, and one that
// finds no connection free waits for it. Returns the milliseconds of every request from the moment
// at which it was due to the last byte of its answer, so that no wait is left out. All that was due
// within the time is waited for.
std::vector<double> LatenciesMs(const LoadOptions& options, double requests_per_second);

// What reading one whole answer took.
struct Drained {
  int status = 0;
  std::size_t body_bytes = 0;
  absl::Duration first_byte;  // From sending the request, on a connection that was there.
  absl::Duration whole;       // To the last byte.
};

// Sends one request on a connection of its own and reads the answer to its end, for five minutes at
// most and one between its parts.
Drained Drain(int port, const std::string& request);

// A GET request of HTTP/1.1 with a token. `fields` are whole lines, each with its CR LF.
std::string GetRequest(const std::string& target, const std::string& token,
                       const std::string& fields = "");

// Always the same request.
NextRequest Only(std::string request);

// All of them in a random order, then in another, and so on: as little as possible of what was
// answered lately is asked again. The order is the same in every run.
NextRequest Shuffled(std::vector<std::string> requests);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_HTTP_LOAD_H_
