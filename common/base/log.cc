#include "common/base/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/strings.h"
#include "common/base/time_format.h"

namespace playlog {
namespace {

// A line has at most about 1 KiB, so this bounds the queue to about 8 MiB.
constexpr std::size_t kQueuedLinesMax = 8192;
constexpr std::size_t kTextBytesMax = 2048;

struct LogState {
  std::string service = "playlog";
  std::atomic<Severity> level = Severity::kInfo;
  std::shared_ptr<spdlog::logger> logger;
};

LogState& State() {
  static LogState state;
  return state;
}

std::string_view NameOfSeverity(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "debug";
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warn";
    case Severity::kError:
      return "error";
  }
  return "error";
}

// Appends a JSON string. Control characters, C1's among them, are escaped, since logs are read in
// terminals; bytes that are no UTF-8 are shown by their numbers.
void AppendQuoted(std::string& line, std::string_view text) {
  if (text.size() > kTextBytesMax) text = text.substr(0, kTextBytesMax);
  const bool utf8 = IsValidUtf8(text);
  line.push_back('"');
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      line.push_back('\\');
      line.push_back(text[i]);
    } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !utf8)) {
      absl::StrAppendFormat(&line, "\\u%04x", byte);
    } else if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      absl::StrAppendFormat(&line, "\\u%04x", static_cast<unsigned char>(text[++i]));
    } else {
      line.push_back(text[i]);
    }
  }
  line.push_back('"');
}

struct ValueAppender {
  std::string& line;
  void operator()(std::string_view text) const { AppendQuoted(line, text); }
  void operator()(std::int64_t number) const { absl::StrAppend(&line, number); }
  void operator()(bool truth) const { line.append(truth ? "true" : "false"); }
  void operator()(double number) const {
    if (std::isfinite(number)) {
      absl::StrAppendFormat(&line, "%.3f", number);
    } else {
      line.append("null");
    }
  }
};

Severity ParseLevel(std::string_view level) {
  if (level == "debug") return Severity::kDebug;
  if (level == "warn") return Severity::kWarning;
  if (level == "error") return Severity::kError;
  return Severity::kInfo;
}

}  // namespace

std::string FormatLogLine(Severity severity, std::string_view service, std::string_view event,
                          std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":\"";
  line += FormatRfc3339(absl::Now());
  line += "\",\"level\":\"";
  line += NameOfSeverity(severity);
  line += "\",\"service\":";
  AppendQuoted(line, service);
  line += ",\"event\":";
  AppendQuoted(line, event);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendQuoted(line, field.key);
    line.push_back(':');
    std::visit(ValueAppender{line}, field.value);
  }
  line.push_back('}');
  return line;
}

void StartLog(std::string_view service, std::string_view level) {
  LogState& state = State();
  state.service = std::string(service);
  state.level = ParseLevel(level);
  spdlog::init_thread_pool(kQueuedLinesMax, 1);
  state.logger = std::make_shared<spdlog::async_logger>(
      "playlog", std::make_shared<spdlog::sinks::stdout_sink_mt>(), spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
  state.logger->set_pattern("%v");
  state.logger->set_level(spdlog::level::trace);
  state.logger->flush_on(spdlog::level::trace);
}

void StopLog() {
  State().logger.reset();
  spdlog::shutdown();
}

void Log(Severity severity, std::string_view event, std::initializer_list<LogField> fields) {
  LogState& state = State();
  if (severity < state.level) return;
  const std::string line = FormatLogLine(severity, state.service, event, fields);
  if (state.logger != nullptr) {
    state.logger->info(line);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace playlog
