#include "tests/standins/json_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdint>

namespace playlog::standins {
namespace {

namespace json = boost::json;

std::string Unescaped(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      text.push_back(token[++i] == '0' ? '~' : '/');
    } else {
      text.push_back(token[i]);
    }
  }
  return text;
}

std::optional<std::size_t> IndexOf(std::string_view token) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return index;
}

// The container that holds the pointer's last token; null when there is none.
json::value* ParentOf(json::value& document, std::string_view pointer, std::string& last) {
  if (pointer.empty() || pointer.front() != '/') return nullptr;
  const std::size_t slash = pointer.rfind('/');
  last = Unescaped(pointer.substr(slash + 1));
  boost::system::error_code error;
  return document.find_pointer(json::string_view(pointer.data(), slash), error);
}

}  // namespace

std::string Quoted(std::string_view text) {
  return json::serialize(json::value(json::string(text)));
}

bool SetAtPointer(json::value& document, std::string_view pointer, const json::value& value) {
  if (pointer.empty()) {
    document = value;
    return true;
  }
  std::string last;
  json::value* parent = ParentOf(document, pointer, last);
  if (parent == nullptr) return false;
  if (json::object* object = parent->if_object()) {
    (*object)[last] = value;
    return true;
  }
  json::array* array = parent->if_array();
  const std::optional<std::size_t> index = IndexOf(last);
  if (array == nullptr || !index || *index > array->size()) return false;
  if (*index == array->size()) {
    array->push_back(value);
  } else {
    (*array)[*index] = value;
  }
  return true;
}

bool RemoveAtPointer(json::value& document, std::string_view pointer) {
  std::string last;
  json::value* parent = ParentOf(document, pointer, last);
  if (parent == nullptr) return false;
  if (json::object* object = parent->if_object()) return object->erase(last) > 0;
  json::array* array = parent->if_array();
  const std::optional<std::size_t> index = IndexOf(last);
  if (array == nullptr || !index || *index >= array->size()) return false;
  array->erase(array->begin() + static_cast<std::ptrdiff_t>(*index));
  return true;
}

const json::value* MemberOf(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::optional<std::string> TextMember(const json::value& value, std::string_view name) {
  const json::value* member = MemberOf(value, name);
  if (member == nullptr || !member->is_string()) return std::nullopt;
  return std::string(member->as_string());
}

std::optional<std::int64_t> NumberMember(const json::value& value, std::string_view name) {
  const json::value* member = MemberOf(value, name);
  if (member == nullptr || !member->is_int64()) return std::nullopt;
  return member->as_int64();
}

}  // namespace playlog::standins
