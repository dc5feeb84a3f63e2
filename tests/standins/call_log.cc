#include "tests/standins/call_log.h"

#include <algorithm>

namespace playlog::standins {
namespace {

constexpr std::size_t kMaxCalls = 20'000;
constexpr std::size_t kMaxCounts = 200'000;
constexpr std::size_t kMaxTimes = 1'000'000;

bool Has(const RecordedCall& call, std::string_view credential) {
  return std::find(call.credentials.begin(), call.credentials.end(), credential) !=
         call.credentials.end();
}

}  // namespace

std::int64_t CallLog::Count(const std::string& service, const std::string& credential) {
  if (counts_.size() >= kMaxCounts) counts_.clear();
  return ++counts_[{credential, service}];
}

void CallLog::Add(RecordedCall call) {
  for (const std::string& credential : call.credentials) {
    if (times_ >= kMaxTimes) {
      times_whole_ = false;
      break;
    }
    times_ms_[{credential, call.service}].push_back(call.time_ms);
    ++times_;
  }
  if (calls_.size() >= kMaxCalls) calls_.pop_front();
  calls_.push_back(std::move(call));
}

std::vector<const RecordedCall*> CallLog::Find(std::string_view credential,
                                               std::string_view service) const {
  std::vector<const RecordedCall*> found;
  for (const RecordedCall& call : calls_) {
    if (!credential.empty() && !Has(call, credential)) continue;
    if (!service.empty() && call.service != service) continue;
    found.push_back(&call);
  }
  return found;
}

std::map<std::string, std::int64_t> CallLog::Counts(std::string_view service) const {
  std::map<std::string, std::int64_t> found;
  for (const auto& [key, count] : counts_) {
    if (key.second == service) found[key.first] = count;
  }
  return found;
}

Busiest CallLog::FindBusiest(std::string_view service, std::int64_t window_ms) const {
  Busiest busiest{.credential = "", .whole = times_whole_};
  for (const auto& [key, times_ms] : times_ms_) {
    if (key.second != service) continue;
    std::size_t first = 0;
    for (std::size_t last = 0; last < times_ms.size(); ++last) {
      while (times_ms[last] - times_ms[first] >= window_ms) ++first;
      const auto calls = static_cast<std::int64_t>(last - first + 1);
      if (calls <= busiest.calls) continue;
      busiest.calls = calls;
      busiest.credential = key.first;
    }
  }
  return busiest;
}

void CallLog::Forget(const std::string& credential) {
  std::erase_if(calls_, [&](const RecordedCall& call) { return Has(call, credential); });
  std::erase_if(counts_, [&](const auto& entry) { return entry.first.first == credential; });
  std::erase_if(times_ms_, [&](const auto& entry) {
    if (entry.first.first != credential) return false;
    times_ -= entry.second.size();
    return true;
  });
}

void CallLog::ForgetAll() {
  calls_.clear();
  counts_.clear();
  times_ms_.clear();
  times_ = 0;
  times_whole_ = true;
}

}  // namespace playlog::standins
