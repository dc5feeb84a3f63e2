#include "common/base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace playlog {
namespace {

std::shared_ptr<prometheus::Registry> SharedRegistry() {
  static const auto* registry =
      new std::shared_ptr<prometheus::Registry>(std::make_shared<prometheus::Registry>());
  return *registry;
}

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Increment(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Add(double by) override { gauge_.Increment(by); }
  void Set(double value) override { gauge_.Set(value); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double seconds) override { histogram_.Observe(seconds); }

 private:
  prometheus::Histogram& histogram_;
};

// Keeps one wrapper for each name and set of labels.
template <class Interface, class Make>
Interface& Remember(const std::string& name, const MetricLabels& labels, Make make) {
  static auto* mutex = new absl::Mutex;
  static auto* known =
      new std::map<std::pair<std::string, MetricLabels>, std::unique_ptr<Interface>>;
  const absl::MutexLock lock(mutex);
  std::unique_ptr<Interface>& slot = (*known)[{name, labels}];
  if (slot == nullptr) slot = make();
  return *slot;
}

class ExposedPage final : public MetricsPage {
 public:
  explicit ExposedPage(const std::string& address) : exposer_(address, 1) {
    exposer_.RegisterCollectable(registry_);
  }
  int port() const override { return exposer_.GetListeningPorts().front(); }

 private:
  std::shared_ptr<prometheus::Registry> registry_ = SharedRegistry();
  prometheus::Exposer exposer_;
};

}  // namespace

Counter& GetCounter(const std::string& name, const std::string& help, const MetricLabels& labels) {
  return Remember<Counter>(name, labels, [&] {
    return std::make_unique<PrometheusCounter>(
        prometheus::BuildCounter().Name(name).Help(help).Register(*SharedRegistry()).Add(labels));
  });
}

Gauge& GetGauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
  return Remember<Gauge>(name, labels, [&] {
    return std::make_unique<PrometheusGauge>(
        prometheus::BuildGauge().Name(name).Help(help).Register(*SharedRegistry()).Add(labels));
  });
}

Histogram& GetHistogram(const std::string& name, const std::string& help,
                        const MetricLabels& labels) {
  return Remember<Histogram>(name, labels, [&] {
    const prometheus::Histogram::BucketBoundaries seconds = {
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
    return std::make_unique<PrometheusHistogram>(prometheus::BuildHistogram()
                                                     .Name(name)
                                                     .Help(help)
                                                     .Register(*SharedRegistry())
                                                     .Add(labels, seconds));
  });
}

absl::StatusOr<std::unique_ptr<MetricsPage>> ServeMetrics(const std::string& address) {
  try {
    return std::make_unique<ExposedPage>(address);
  } catch (const std::exception& error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot serve metrics at ", address, ": ", error.what()));
  }
}

}  // namespace playlog
