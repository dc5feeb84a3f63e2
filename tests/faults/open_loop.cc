#include "tests/faults/open_loop.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

namespace playlog::faults {

std::vector<Timed> SendOpenLoop(int per_second, int threads, absl::Duration time,
                                const std::function<harness::HttpAnswer(int)>& send) {
  std::mutex mutex;
  std::vector<Timed> all;
  std::atomic<int> next = 0;
  const absl::Time start = absl::Now();
  {
    std::vector<std::jthread> senders;
    for (int i = 0; i < threads; ++i) {
      senders.emplace_back([&] {
        for (int number = next++;; number = next++) {
          const absl::Duration offset = number * absl::Seconds(1) / per_second;
          if (offset >= time) return;
          absl::SleepFor(start + offset - absl::Now());
          harness::HttpAnswer answer = send(number);
          const absl::Duration took = absl::Now() - start - offset;
          const std::lock_guard lock(mutex);
          all.push_back({std::move(answer), took});
        }
      });
    }
  }
  return all;
}

absl::Duration Percentile(const std::vector<Timed>& requests, int percent) {
  std::vector<absl::Duration> times;
  for (const Timed& request : requests) times.push_back(request.took);
  std::sort(times.begin(), times.end());
  return times[(times.size() - 1) * static_cast<std::size_t>(percent) / 100];
}

}  // namespace playlog::faults
