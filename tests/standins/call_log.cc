#include "tests/standins/call_log.h"

#include <algorithm>

namespace playlog::standins {
namespace {

constexpr std::size_t kMaxCalls = 20'000;
constexpr std::size_t kMaxCounts = 200'000;

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

void CallLog::Forget(const std::string& credential) {
  std::erase_if(calls_, [&](const RecordedCall& call) { return Has(call, credential); });
  std::erase_if(counts_, [&](const auto& entry) { return entry.first.first == credential; });
}

void CallLog::ForgetAll() {
  calls_.clear();
  counts_.clear();
}

}  // namespace playlog::standins
