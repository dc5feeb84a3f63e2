#include "tests/standins/script.h"

#include <boost/json.hpp>
#include <stdexcept>

#include "absl/strings/escaping.h"
#include "tests/standins/faults.h"
#include "tests/standins/json_text.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

[[noreturn]] void Refuse(const std::string& what) { throw std::invalid_argument(what); }

std::string TextOf(const json::value& value, const char* what) {
  if (!value.is_string()) Refuse(std::string(what) + " must be a string");
  return std::string(value.as_string());
}

std::int64_t NumberOf(const json::value& value, const char* what) {
  if (!value.is_int64() || value.as_int64() < 0) {
    Refuse(std::string(what) + " must be a number that is not negative");
  }
  return value.as_int64();
}

NameValues HeadersOf(const json::value& value) {
  NameValues headers;
  if (const json::object* object = value.if_object()) {
    for (const auto& member : *object) {
      headers.emplace_back(std::string(member.key()), TextOf(member.value(), "a header"));
    }
    return headers;
  }
  if (!value.is_array()) Refuse("headers must be an object or a list of pairs");
  for (const json::value& pair : value.as_array()) {
    if (!pair.is_array() || pair.as_array().size() != 2) Refuse("a header must be a pair");
    headers.emplace_back(TextOf(pair.at(0), "a header"), TextOf(pair.at(1), "a header"));
  }
  return headers;
}

std::string Decoded(const std::string& base64) {
  std::string bytes;
  if (!absl::Base64Unescape(base64, &bytes)) Refuse("body_base64 is no base64");
  return bytes;
}

void ReadMember(const std::string& name, const json::value& value,
                const std::string& samples_directory, ScriptedAnswer& answer) {
  if (name == "status") {
    answer.status = static_cast<int>(NumberOf(value, "status"));
  } else if (name == "headers") {
    answer.headers = HeadersOf(value);
  } else if (name == "body") {
    answer.body = value.is_string() ? std::string(value.as_string()) : json::serialize(value);
  } else if (name == "body_base64") {
    answer.body = Decoded(TextOf(value, "body_base64"));
  } else if (name == "body_file") {
    answer.body = ReadSample(samples_directory, TextOf(value, "body_file"));
  } else if (name == "scenario") {
    answer.scenario = ParseScenario(TextOf(value, "scenario"));
  } else if (name == "set") {
    if (!value.is_object()) Refuse("set must be an object");
    for (const auto& member : value.as_object()) {
      answer.set.emplace_back(std::string(member.key()), member.value());
    }
  } else if (name == "remove") {
    if (!value.is_array()) Refuse("remove must be a list");
    for (const json::value& pointer : value.as_array()) {
      answer.remove.push_back(TextOf(pointer, "a pointer to remove"));
    }
  } else if (name == "latency_ms") {
    answer.latency_ms = NumberOf(value, "latency_ms");
  } else if (name == "repeat") {
    answer.repeat = NumberOf(value, "repeat");
  } else {
    Refuse("an answer has no member " + name);
  }
}

}  // namespace

std::deque<ScriptedAnswer> ParseAnswers(const json::value& answers,
                                        const std::string& samples_directory) {
  if (!answers.is_array()) Refuse("answers must be a list");
  std::deque<ScriptedAnswer> parsed;
  for (const json::value& value : answers.as_array()) {
    if (!value.is_object()) Refuse("an answer must be an object");
    ScriptedAnswer answer;
    for (const auto& member : value.as_object()) {
      ReadMember(std::string(member.key()), member.value(), samples_directory, answer);
    }
    if (answer.repeat > 0) parsed.push_back(std::move(answer));
  }
  return parsed;
}

Content ContentOf(const ScriptedAnswer& answer, const std::function<Content()>& good,
                  const std::function<Content(int status)>& error) {
  Content content;
  if (answer.body) {
    content = JsonContent(answer.status, *answer.body);
  } else if (!answer.set.empty() || !answer.remove.empty()) {
    content = good();
    json::value document = json::parse(content.body);
    for (const auto& [pointer, value] : answer.set) {
      if (!SetAtPointer(document, pointer, value)) Refuse("nothing is at " + pointer);
    }
    for (const std::string& pointer : answer.remove) {
      if (!RemoveAtPointer(document, pointer)) Refuse("nothing is at " + pointer);
    }
    content.body = json::serialize(document);
    content.status = answer.status;
  } else {
    content = answer.status < 300 ? good() : error(answer.status);
    content.status = answer.status;
  }
  for (const auto& field : answer.headers) {
    std::erase_if(content.headers, [&name = field.first](const auto& header) {
      return EqualsIgnoringCase(header.first, name) && EqualsIgnoringCase(name, "Content-Type");
    });
    content.headers.push_back(field);
  }
  return content;
}

void Scripts::Replace(const std::string& credential, std::deque<ScriptedAnswer> answers,
                      bool repeat_last) {
  if (answers.empty()) {
    scripts_.erase(credential);
    return;
  }
  scripts_[credential] = {std::move(answers), repeat_last};
}

std::optional<ScriptedAnswer> Scripts::Next(const std::vector<std::string>& credentials) {
  for (const std::string& credential : credentials) {
    const auto found = scripts_.find(credential);
    if (found == scripts_.end()) continue;
    std::deque<ScriptedAnswer>& answers = found->second.answers;
    ScriptedAnswer next = answers.front();
    const bool is_last = answers.size() == 1;
    if (is_last && found->second.repeat_last) return next;
    if (--answers.front().repeat <= 0) answers.pop_front();
    if (answers.empty()) scripts_.erase(found);
    return next;
  }
  return std::nullopt;
}

}  // namespace playlog::standins
