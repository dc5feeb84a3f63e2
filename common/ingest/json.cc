#include "common/ingest/json.h"

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace playlog::ingest {
namespace {

using boost::json::error_code;
using boost::json::string_view;

constexpr std::size_t kMaxDepth = 32;
// The first block of a document's memory; each further one is larger.
constexpr std::size_t kBlockBytes = 4096;

// Receives the parser's events: builds the value and refuses what the parser lets through.
struct StrictHandler {
  static constexpr std::size_t max_object_size = boost::json::object::max_size();
  static constexpr std::size_t max_array_size = boost::json::array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();

  bool on_document_begin(error_code&) {
    // A page has ten thousand values, whose memory comes and goes as a whole.
    stack.reset(boost::json::make_shared_resource<boost::json::monotonic_resource>(kBlockBytes));
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t count, error_code&) {
    members += count;
    stack.push_object(count);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t count, error_code&) {
    stack.push_array(count);
    return true;
  }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    stack.push_chars(part);
    return true;
  }
  bool on_key(string_view part, std::size_t, error_code&) {
    stack.push_key(part);
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(string_view part, std::size_t, error_code&) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, string_view, error_code&) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, string_view, error_code&) {
    stack.push_uint64(number);
    return true;
  }
  bool on_double(double number, string_view, error_code& code) {
    stack.push_double(number);
    if (!std::isfinite(number)) code = boost::json::error::syntax;
    return std::isfinite(number);
  }
  bool on_bool(bool truth, error_code&) {
    stack.push_bool(truth);
    return true;
  }
  bool on_null(error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  boost::json::value_stack stack;
  std::size_t members = 0;  // Of all objects, those that come again counted as often.
};

// Counts the members of all objects in the value, which is at most kMaxDepth deep.
std::size_t CountMembers(const boost::json::value& value) {
  std::size_t count = 0;
  if (const boost::json::array* array = value.if_array()) {
    for (const boost::json::value& element : *array) count += CountMembers(element);
  } else if (const boost::json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += CountMembers(member.value());
  }
  return count;
}

}  // namespace

std::optional<boost::json::value> ParseJson(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::basic_parser<StrictHandler> parser(options);
  error_code code;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), code);
  if (code || !parser.done()) return std::nullopt;
  if (text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos) return std::nullopt;
  boost::json::value value = parser.handler().stack.release();
  // An object keeps the last of the members that have the same key.
  if (CountMembers(value) != parser.handler().members) return std::nullopt;
  return value;
}

const boost::json::value* Find(const boost::json::object* object, std::string_view key) {
  return object == nullptr ? nullptr : object->if_contains(key);
}

const boost::json::object* FindObject(const boost::json::object* object, std::string_view key) {
  const boost::json::value* value = Find(object, key);
  return value == nullptr ? nullptr : value->if_object();
}

const boost::json::array* FindArray(const boost::json::object* object, std::string_view key) {
  const boost::json::value* value = Find(object, key);
  return value == nullptr ? nullptr : value->if_array();
}

std::optional<std::string_view> AsString(const boost::json::value* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const boost::json::string& text = value->get_string();
  return std::string_view(text.data(), text.size());
}

}  // namespace playlog::ingest
