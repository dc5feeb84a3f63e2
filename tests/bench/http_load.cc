#include "tests/bench/http_load.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace playlog::bench {
namespace {

constexpr absl::Duration kAnswerTime = absl::Seconds(60);
constexpr absl::Duration kWait = absl::Milliseconds(100);
// A million songs on a busy machine.
constexpr absl::Duration kLongAnswerTime = absl::Minutes(5);

using Connections = std::vector<std::unique_ptr<LoadConnection>>;

Connections Connect(const LoadOptions& options, const Readable& readable) {
  Connections connections;
  for (int i = 0; i < options.connections; ++i) {
    connections.push_back(
        std::make_unique<LoadConnection>(options.port, options.expected, readable));
  }
  return connections;
}

// Requests that are due at even distances, and the connections that take them.
class OpenLoop {
 public:
  OpenLoop(const LoadOptions& options, double requests_per_second)
      : options_(options),
        distance_(absl::Seconds(1) / requests_per_second),
        connections_(Connect(options, readable_)),
        begin_(absl::Now()) {
    for (const auto& connection : connections_) free_.push_back(connection.get());
  }

  std::vector<double> Run() {
    const auto count = static_cast<std::int64_t>(options_.time / distance_);
    absl::Time last_answer = begin_;
    while (static_cast<std::int64_t>(latencies_ms_.size()) < count) {
      absl::Time now = absl::Now();
      for (; sent_ < count && !free_.empty() && DueAt(sent_) <= now; ++sent_) Send();
      const bool waits_for_time = sent_ < count && !free_.empty();
      readable_.Wait(waits_for_time ? std::min(DueAt(sent_) - absl::Now(), kWait) : kWait,
                     [&](LoadConnection& connection) {
                       if (!connection.Read()) return;
                       last_answer = absl::Now();
                       Note(connection, last_answer);
                     });
      now = absl::Now();
      if (asked_at_.empty()) last_answer = now;
      if (now - last_answer > kAnswerTime) throw std::runtime_error("no answer for a minute");
    }
    return std::move(latencies_ms_);
  }

 private:
  absl::Time DueAt(std::int64_t number) const {
    return begin_ + static_cast<double>(number) * distance_;
  }

  // The oldest request that is due goes to a free connection.
  void Send() {
    LoadConnection* const connection = free_.front();
    free_.pop_front();
    asked_at_[connection] = DueAt(sent_);
    connection->Ask(options_.next());
  }

  void Note(LoadConnection& connection, absl::Time now) {
    const auto asked = asked_at_.find(&connection);
    latencies_ms_.push_back(absl::ToDoubleMilliseconds(now - asked->second));
    asked_at_.erase(asked);
    free_.push_back(&connection);
  }

  const LoadOptions& options_;
  const absl::Duration distance_;
  const Readable readable_;
  const Connections connections_;
  const absl::Time begin_;
  std::deque<LoadConnection*> free_;
  std::unordered_map<LoadConnection*, absl::Time> asked_at_;  // When each request was due.
  std::int64_t sent_ = 0;
  std::vector<double> latencies_ms_;
};

}  // namespace

double AnswersPerSecond(const LoadOptions& options) {
  const Readable readable;
  const Connections connections = Connect(options, readable);
  const absl::Time begin = absl::Now();
  const absl::Time end = begin + options.time;
  for (const auto& connection : connections) connection->Ask(options.next());
  std::int64_t answers = 0;
  absl::Time now = begin;
  absl::Time last_answer = begin;
  for (; now < end; now = absl::Now()) {
    if (now - last_answer > kAnswerTime) throw std::runtime_error("no answer for a minute");
    readable.Wait(kWait, [&](LoadConnection& connection) {
      if (!connection.Read()) return;
      connection.Ask(options.next());
      ++answers;
      last_answer = now;
    });
  }
  return static_cast<double>(answers) / absl::ToDoubleSeconds(now - begin);
}

std::vector<double> LatenciesMs(const LoadOptions& options, double requests_per_second) {
  return OpenLoop(options, requests_per_second).Run();
}

Drained Drain(int port, const std::string& request) {
  const Socket socket(port);
  AnswerReader reader;
  Drained drained;
  const absl::Time begin = absl::Now();
  socket.Send(request);
  while (!reader.done()) {
    socket.Feed(reader);
    if (drained.first_byte == absl::ZeroDuration()) drained.first_byte = absl::Now() - begin;
    if (absl::Now() - begin > kLongAnswerTime) {
      throw std::runtime_error("an answer took over five minutes");
    }
  }
  drained.whole = absl::Now() - begin;
  drained.status = reader.status();
  drained.body_bytes = reader.body_bytes();
  return drained;
}

std::string GetRequest(const std::string& target, const std::string& token,
                       const std::string& fields) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ",
                      token, "\r\n", fields, "\r\n");
}

NextRequest Only(std::string request) {
  return [request = std::move(request)]() -> const std::string& { return request; };
}

NextRequest Shuffled(std::vector<std::string> requests) {
  return [requests = std::move(requests), next = std::size_t{0},
          random = std::mt19937_64()]() mutable -> const std::string& {
    if (next % requests.size() == 0) std::shuffle(requests.begin(), requests.end(), random);
    return requests[next++ % requests.size()];
  };
}

}  // namespace playlog::bench
