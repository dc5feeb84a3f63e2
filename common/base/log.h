#ifndef PLAYLOG_COMMON_BASE_LOG_H_
#define PLAYLOG_COMMON_BASE_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace playlog {

enum class Severity { kDebug, kInfo, kWarning, kError };

// A value of a log line under its key. Texts are escaped, so that nothing that a client or an
// upstream sends can forge a line or move a terminal's cursor; over 2 KiB they are cut.
struct LogField {
  LogField(std::string_view field_key, std::string_view text) : key(field_key), value(text) {}
  LogField(std::string_view field_key, const std::string& text)
      : key(field_key), value(std::string_view(text)) {}
  LogField(std::string_view field_key, const char* text)
      : key(field_key), value(std::string_view(text)) {}
  LogField(std::string_view field_key, bool truth) : key(field_key), value(truth) {}
  LogField(std::string_view field_key, double number) : key(field_key), value(number) {}
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) LogField(std::string_view field_key, Integer number)
      : key(field_key), value(static_cast<std::int64_t>(number)) {}

  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

// Starts the log: lines go to standard output from a thread of its own with a bounded queue, which
// drops the oldest lines rather than hold up a request. Until then, and after StopLog, lines go to
// standard error directly. `level` is debug, info, warn or error.
void StartLog(std::string_view service, std::string_view level);

// Writes out what is queued and stops the thread.
void StopLog();

// Writes one line of JSON: time, level, service, event and the fields. Thread-safe. Never give it a
// key, token or password, nor an address with its query.
void Log(Severity severity, std::string_view event, std::initializer_list<LogField> fields = {});

// Formats the line that Log writes, without its newline; for tests.
std::string FormatLogLine(Severity severity, std::string_view service, std::string_view event,
                          std::initializer_list<LogField> fields);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_LOG_H_
