#ifndef PLAYLOG_TESTS_STANDINS_SCRIPT_H_
#define PLAYLOG_TESTS_STANDINS_SCRIPT_H_

#include <boost/json/value.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/standins/http_message.h"
#include "tests/standins/scenario.h"

namespace playlog::standins {

// One answer that a test has set for a credential's next call.
struct ScriptedAnswer {
  int status = 200;
  NameValues headers;
  std::optional<std::string> body;
  std::optional<Scenario> scenario;
  std::vector<std::pair<std::string, boost::json::value>> set;  // JSON pointer and value.
  std::vector<std::string> remove;                              // JSON pointers.
  std::int64_t latency_ms = 0;
  std::int64_t repeat = 1;
};

// Reads the "answers" of POST /control/script. Throws std::exception, whose what() says what is
// wrong with them.
std::deque<ScriptedAnswer> ParseAnswers(const boost::json::value& answers,
                                        const std::string& samples_directory);

// The content of an answer that names no scenario.
Content ContentOf(const ScriptedAnswer& answer, const std::function<Content()>& good,
                  const std::function<Content(int status)>& error);

// The scripts by credential. Not thread-safe.
class Scripts {
 public:
  void Replace(const std::string& credential, std::deque<ScriptedAnswer> answers, bool repeat_last);

  // Takes the next answer of the first credential that has a script.
  std::optional<ScriptedAnswer> Next(const std::vector<std::string>& credentials);

  void Forget(const std::string& credential) { scripts_.erase(credential); }
  void ForgetAll() { scripts_.clear(); }

 private:
  struct Script {
    std::deque<ScriptedAnswer> answers;
    bool repeat_last = false;
  };
  std::map<std::string, Script> scripts_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SCRIPT_H_
