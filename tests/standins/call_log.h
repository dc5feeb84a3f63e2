#ifndef PLAYLOG_TESTS_STANDINS_CALL_LOG_H_
#define PLAYLOG_TESTS_STANDINS_CALL_LOG_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/standins/http_message.h"

namespace playlog::standins {

struct RecordedCall {
  std::string service;
  std::int64_t time_ms = 0;  // Unix time.
  std::string request_line;
  NameValues headers;
  std::string body;
  std::vector<std::string> credentials;
  int status = 0;  // 0 when no answer was sent.
};

// The most calls of one credential within a window, wherever it begins.
struct Busiest {
  std::string credential;
  std::int64_t calls = 0;
  bool whole = true;  // Whether all calls are known.
};

// The newest 20,000 calls, and how often and when each credential called each service. Not
// thread-safe.
class CallLog {
 public:
  // Returns which call of this credential to this service this is, from 1.
  std::int64_t Count(const std::string& service, const std::string& credential);

  void Add(RecordedCall call);

  // In the order of arrival; "" matches all.
  std::vector<const RecordedCall*> Find(std::string_view credential,
                                        std::string_view service) const;

  // How often each credential called a service, as Count counts.
  std::map<std::string, std::int64_t> Counts(std::string_view service) const;

  // Of all credentials of a service. Two calls that are a whole window apart are not within one.
  Busiest FindBusiest(std::string_view service, std::int64_t window_ms) const;

  void Forget(const std::string& credential);
  void ForgetAll();

 private:
  std::deque<RecordedCall> calls_;
  std::map<std::pair<std::string, std::string>, std::int64_t> counts_;  // By credential, service.
  // When each call of a credential to a service came, for every credential that it names.
  std::map<std::pair<std::string, std::string>, std::vector<std::int64_t>> times_ms_;
  std::size_t times_ = 0;
  bool times_whole_ = true;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_CALL_LOG_H_
