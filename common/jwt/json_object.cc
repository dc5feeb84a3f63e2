#include "common/jwt/json_object.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cstddef>
#include <limits>
#include <set>
#include <utility>

#include "common/base/strings.h"

namespace playlog::jwt {
namespace {

constexpr std::size_t kDepthMax = 4;

// The parser calls these as it reads; its own value type keeps the last of two equal keys.
class ObjectHandler {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;
  using Error = boost::json::error_code;

  JsonObject Take() { return std::move(members_); }

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }

  bool on_object_begin(Error&) {
    Open(std::monostate());
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, Error&) {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool on_array_begin(Error& error) {
    if (depth_ == 0) return Refuse(error);
    Open(std::vector<std::string>());
    return true;
  }
  bool on_array_end(std::size_t, Error&) {
    --depth_;
    return true;
  }
  bool on_key_part(boost::json::string_view part, std::size_t, Error&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, Error& error) {
    text_.append(part.data(), part.size());
    std::string key = std::exchange(text_, {});
    if (!keys_.back().insert(key).second) return Refuse(error);
    if (depth_ == 1) key_ = std::move(key);
    return true;
  }
  bool on_string_part(boost::json::string_view part, std::size_t, Error&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(boost::json::string_view part, std::size_t, Error& error) {
    text_.append(part.data(), part.size());
    return Set(std::exchange(text_, {}), error);
  }
  bool on_number_part(boost::json::string_view, Error&) { return true; }
  bool on_int64(std::int64_t value, boost::json::string_view, Error& error) {
    return Set(value, error);
  }
  bool on_uint64(std::uint64_t, boost::json::string_view, Error& error) { return SetOther(error); }
  bool on_double(double, boost::json::string_view, Error& error) { return SetOther(error); }
  bool on_bool(bool, Error& error) { return SetOther(error); }
  bool on_null(Error& error) { return SetOther(error); }
  bool on_comment_part(boost::json::string_view, Error&) { return true; }
  bool on_comment(boost::json::string_view, Error&) { return true; }

 private:
  static bool Refuse(Error& error) {
    error = boost::json::error::syntax;
    return false;
  }
  bool SetOther(Error& error) { return Set(std::monostate(), error); }
  // A list or object begins. As a member it is a list of texts until something else is in it; below
  // a member it makes that member one that tokens do not need.
  void Open(JsonValue empty) {
    if (depth_ == 1) members_[key_] = std::move(empty);
    if (depth_ > 1) members_[key_] = std::monostate();
    ++depth_;
  }

  bool Set(JsonValue value, Error& error) {
    if (depth_ == 0) return Refuse(error);
    if (depth_ == 1) members_[key_] = std::move(value);
    // Only one of the two moves happens; said as `else`, g++ 12 takes the value for uninitialised.
    if (depth_ == 2) Append(std::move(value));  // NOLINT(bugprone-use-after-move)
    return true;
  }

  void Append(JsonValue value) {
    auto* const list = std::get_if<std::vector<std::string>>(&members_[key_]);
    auto* const text = std::get_if<std::string>(&value);
    if (list != nullptr && text != nullptr) {
      list->push_back(std::move(*text));
    } else {
      members_[key_] = std::monostate();
    }
  }

  JsonObject members_;
  std::vector<std::set<std::string>> keys_;  // The keys seen of each object that is open.
  std::string key_;                          // The member of the outermost object.
  std::string text_;                         // What came of a key or text so far.
  std::size_t depth_ = 0;                    // The objects and lists that are open.
};

}  // namespace

std::optional<JsonObject> ParseJsonObject(std::string_view text) {
  if (!IsValidUtf8(text)) return std::nullopt;
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::basic_parser<ObjectHandler> parser(options);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (error || read != text.size()) return std::nullopt;
  return parser.handler().Take();
}

}  // namespace playlog::jwt
