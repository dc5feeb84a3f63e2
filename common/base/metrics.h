#ifndef PLAYLOG_COMMON_BASE_METRICS_H_
#define PLAYLOG_COMMON_BASE_METRICS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

// The process's metrics, shown in Prometheus' text format. Labels are methods, codes and the like
// from closed sets: never a user, a path or a text from outside, which would grow without bound.
namespace playlog {

using MetricLabels = std::map<std::string, std::string>;

// Counts up. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Increment(double by = 1) = 0;
};

// Goes up and down. Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Add(double by) = 0;
  virtual void Set(double value) = 0;
};

// Counts observations in buckets of seconds from 1 ms to 30 s. Thread-safe.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double seconds) = 0;
};

// Return the metric of that name and those labels, making it at the first call; the reference stays
// valid until the process ends. Each takes a lock: keep the reference where it is used often.
Counter& GetCounter(const std::string& name, const std::string& help,
                    const MetricLabels& labels = {});
Gauge& GetGauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const MetricLabels& labels = {});

// The page /metrics on a port of its own. Destroying it closes the port.
class MetricsPage {
 public:
  virtual ~MetricsPage() = default;
  virtual int port() const = 0;
};

// Opens the page at `address`, host:port. FAILED_PRECONDITION if the port is taken.
absl::StatusOr<std::unique_ptr<MetricsPage>> ServeMetrics(const std::string& address);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_METRICS_H_
