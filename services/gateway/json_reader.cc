#include "services/gateway/json_reader.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/strings.h"
#include "playlog/errors/v1/error_code.pb.h"
#include "services/gateway/field_rules.h"

namespace playlog::gateway {
namespace {

using boost::json::error_code;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxMembers = 1000;
constexpr std::size_t kMaxElements = 10'000;
constexpr std::string_view kHint = "Send one JSON object (RFC 8259) in UTF-8.";

absl::Status InvalidJson(std::string_view why) {
  return Error(errors::v1::ERROR_CODE_INVALID_JSON, absl::StrCat("Invalid JSON: ", ToAbsl(why)),
               kHint);
}

// Receives what the parser finds and puts it into the message. The parser checks the syntax; the
// handler stops it only for what makes the whole text invalid, and notes the first wrong field
// otherwise, so that a syntax error further on still counts first.
class Handler {
 public:
  static constexpr std::size_t max_object_size = kMaxMembers;
  static constexpr std::size_t max_array_size = kMaxElements;
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  Handler(Message& message, std::span<const FieldDescriptor* const> hidden)
      : root_(message), hidden_(hidden) {}

  // Why the handler stopped the parser; OK if it did not.
  const absl::Status& fatal_error() const { return fatal_error_; }
  // The first wrong field.
  const absl::Status& field_error() const { return field_error_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& error);
  bool on_object_end(std::size_t, error_code&) { return EndLevel(); }
  bool on_array_begin(error_code& error);
  bool on_array_end(std::size_t, error_code&) { return EndLevel(); }
  bool on_key_part(std::string_view part, std::size_t, error_code&) { return Gather(part); }
  bool on_key(std::string_view rest, std::size_t, error_code& error);
  bool on_string_part(std::string_view part, std::size_t, error_code&) { return Gather(part); }
  bool on_string(std::string_view rest, std::size_t, error_code& error);
  bool on_number_part(std::string_view part, error_code&) { return Gather(part); }
  bool on_int64(std::int64_t value, std::string_view, error_code& error) {
    gathered_.clear();
    return Value(value, error);
  }
  bool on_uint64(std::uint64_t value, std::string_view, error_code& error) {
    gathered_.clear();
    return Value(value, error);
  }
  bool on_double(double value, std::string_view rest, error_code& error);
  bool on_bool(bool value, error_code& error) { return Value(value, error); }
  bool on_null(error_code& error);
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }

 private:
  // Where a value goes. Without a field it goes nowhere, since an error was noted before.
  struct Target {
    Message* message = nullptr;
    const FieldDescriptor* field = nullptr;
    std::string name;         // For errors: "songs[2].title".
    bool is_element = false;  // One value of a repeated field or of a map.
  };

  enum class Kind { kMessage, kMap, kArray, kIgnored };

  // An object or array that has begun and not ended. A map or array is the field of a message.
  struct Level {
    Kind kind = Kind::kIgnored;
    Target target;
    std::size_t index = 0;                  // Of the next element of an array.
    absl::flat_hash_set<std::string> keys;  // Of an object, whatever it means.
  };

  bool Stop(absl::Status why, error_code& error) {
    fatal_error_ = std::move(why);
    error = boost::json::error::syntax;
    return false;
  }
  bool Gather(std::string_view part) {
    gathered_.append(part);
    return true;
  }
  bool EndLevel() {
    levels_.pop_back();
    return true;
  }
  void Note(absl::Status problem) {
    if (field_error_.ok()) field_error_ = std::move(problem);
  }
  void NoteWrongType(const Target& target);
  bool Value(const SentValue& value, error_code& error);
  Target Take();
  Target MemberTarget(const Level& level, const std::string& key);

  Message& root_;
  std::span<const FieldDescriptor* const> hidden_;
  std::vector<Level> levels_;
  Target member_;         // Where the value of the last key goes.
  std::string gathered_;  // The parts of a key, string or number that comes in parts.
  absl::Status fatal_error_;
  absl::Status field_error_;
};

void Handler::NoteWrongType(const Target& target) {
  std::string allowed = AllowedValues(*target.field);
  if (target.field->is_repeated() && !target.is_element) {
    allowed = target.field->is_map() ? "an object" : "an array";
  }
  Note(InvalidField(target.name, allowed));
}

// Where the value that begins now goes.
Handler::Target Handler::Take() {
  if (!field_error_.ok() || levels_.back().kind == Kind::kIgnored) return Target();
  Level& level = levels_.back();
  if (level.kind != Kind::kArray) return std::exchange(member_, Target());
  Target element = level.target;
  element.name = absl::StrCat(element.name, "[", level.index++, "]");
  element.is_element = true;
  return element;
}

// Where the value after the key goes.
Handler::Target Handler::MemberTarget(const Level& level, const std::string& key) {
  Target target;
  if (level.kind == Kind::kMap) {
    const FieldDescriptor& map = *level.target.field;
    Message* entry = level.target.message->GetReflection()->AddMessage(level.target.message, &map);
    target = {entry, map.message_type()->map_value(),
              absl::StrCat(level.target.name, ".", Shortened(key)), true};
    Note(SetField(*entry, *map.message_type()->map_key(), key, target.name));
  } else if (level.kind == Kind::kMessage) {
    const bool is_root = levels_.size() == 1;
    target.name = is_root ? Shortened(key) : absl::StrCat(level.target.name, ".", Shortened(key));
    target.message = level.target.message;
    target.field = target.message->GetDescriptor()->FindFieldByName(key);
    const bool is_hidden =
        is_root && std::find(hidden_.begin(), hidden_.end(), target.field) != hidden_.end();
    if (target.field == nullptr || is_hidden) {
      Note(Error(errors::v1::ERROR_CODE_UNKNOWN_FIELD, absl::StrCat("Unknown field: ", target.name),
                 "Leave the field out, or check its spelling."));
    }
  }
  return target;
}

bool Handler::on_key(std::string_view rest, std::size_t, error_code& error) {
  gathered_.append(rest);
  const std::string key = std::exchange(gathered_, {});
  Level& level = levels_.back();
  if (!level.keys.insert(key).second) {
    return Stop(InvalidJson(absl::StrCat("the key ", Shortened(key), " stands twice")), error);
  }
  if (field_error_.ok()) member_ = MemberTarget(level, key);
  return true;
}

bool Handler::on_object_begin(error_code&) {
  Level level;
  if (levels_.empty()) {
    level.kind = Kind::kMessage;
    level.target.message = &root_;
    levels_.push_back(std::move(level));
    return true;
  }
  Target target = Take();
  if (target.field != nullptr) {
    const FieldDescriptor& field = *target.field;
    const google::protobuf::Reflection& reflection = *target.message->GetReflection();
    const bool is_message =
        field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsTimestamp(field);
    if (field.is_map()) {
      level.kind = Kind::kMap;
    } else if (is_message && (target.is_element || !field.is_repeated())) {
      level.kind = Kind::kMessage;
      target.message = field.is_repeated() ? reflection.AddMessage(target.message, &field)
                                           : reflection.MutableMessage(target.message, &field);
    } else {
      NoteWrongType(target);
    }
    level.target = std::move(target);
  }
  levels_.push_back(std::move(level));
  return true;
}

bool Handler::on_array_begin(error_code& error) {
  if (levels_.empty()) return Stop(InvalidJson("an object is expected"), error);
  Level level;
  level.target = Take();
  if (level.target.field != nullptr) {
    const FieldDescriptor& field = *level.target.field;
    if (field.is_repeated() && !field.is_map() && !level.target.is_element) {
      level.kind = Kind::kArray;
    } else {
      NoteWrongType(level.target);
    }
  }
  levels_.push_back(std::move(level));
  return true;
}

bool Handler::Value(const SentValue& value, error_code& error) {
  if (levels_.empty()) return Stop(InvalidJson("an object is expected"), error);
  const Target target = Take();
  if (target.field == nullptr) return true;
  if (target.field->is_repeated() && !target.is_element) {
    NoteWrongType(target);
  } else {
    Note(SetField(*target.message, *target.field, value, target.name));
  }
  return true;
}

bool Handler::on_string(std::string_view rest, std::size_t, error_code& error) {
  if (gathered_.empty()) return Value(rest, error);
  gathered_.append(rest);
  const std::string text = std::exchange(gathered_, {});
  return Value(std::string_view(text), error);
}

bool Handler::on_double(double value, std::string_view rest, error_code& error) {
  gathered_.append(rest);
  const std::string text = std::exchange(gathered_, {});
  if (!std::isfinite(value)) return Stop(InvalidJson("a number is too large"), error);
  // The parser's own conversion may be off by the last digit.
  double exact = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), exact);
  const bool is_exact = problem == std::errc() && end == text.data() + text.size();
  return Value(is_exact ? exact : value, error);
}

bool Handler::on_null(error_code& error) {
  if (levels_.empty()) return Stop(InvalidJson("an object is expected"), error);
  const Target target = Take();
  if (target.field == nullptr) return true;
  if (target.is_element || !target.field->has_presence()) NoteWrongType(target);
  return true;
}

std::string Describe(const error_code& error, std::size_t offset) {
  using Problem = boost::json::error;
  if (error == Problem::incomplete) return "the text ends early";
  if (error == Problem::extra_data) return absl::StrCat("something follows at byte ", offset);
  if (error == Problem::too_deep) return absl::StrCat("it is nested over ", kMaxDepth, " levels");
  if (error == Problem::object_too_large) {
    return absl::StrCat("an object has over ", kMaxMembers, " members");
  }
  if (error == Problem::array_too_large) {
    return absl::StrCat("an array has over ", kMaxElements, " elements");
  }
  return absl::StrCat("it breaks the rules at byte ", offset);
}

}  // namespace

absl::Status ReadJson(std::string_view json, Message& message,
                      std::span<const FieldDescriptor* const> hidden) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::basic_parser<Handler> parser(options, message, hidden);
  error_code error;
  const std::size_t read = parser.write_some(false, json.data(), json.size(), error);
  if (!error && read < json.size()) error = boost::json::error::extra_data;
  if (!parser.handler().fatal_error().ok()) return parser.handler().fatal_error();
  if (error) return InvalidJson(Describe(error, read));
  return parser.handler().field_error();
}

}  // namespace playlog::gateway
