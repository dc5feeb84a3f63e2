#ifndef PLAYLOG_COMMON_DB_PARAM_H_
#define PLAYLOG_COMMON_DB_PARAM_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace playlog::db {

// Bytes for a bytea parameter, where std::string_view would be text.
struct Bytes {
  std::string_view value;
};

// An array for a text[], bigint[], boolean[], bytea[] or timestamptz[] parameter, built element by
// element. The statement casts it: `unnest($1::text[])`.
class Array {
 public:
  Array() = default;

  void Reserve(std::size_t bytes) { literal_.reserve(bytes); }
  void AddNull();
  void Add(std::string_view text);
  void Add(const char* text) { Add(std::string_view(text)); }
  void Add(Bytes bytes);
  void Add(absl::Time time);
  void Add(bool value);
  template <std::integral Integer>
  requires(!std::same_as<Integer, bool>) void Add(Integer value) {
    AddInteger(static_cast<std::int64_t>(value));
  }
  template <class T>
  void Add(const std::optional<T>& value) {
    value.has_value() ? Add(*value) : AddNull();
  }
  std::size_t size() const { return size_; }

 private:
  friend class Param;
  void AddInteger(std::int64_t value);
  void Separate();

  std::string literal_ = "{";
  std::size_t size_ = 0;
  bool valid_ = true;
};

// A value for a statement's parameter. Text with U+0000 or malformed UTF-8, and times outside the
// years 1 to 9999, make it invalid, and a statement with an invalid parameter is refused with
// INVALID_ARGUMENT before anything is sent: the client library would cut the text at the NUL.
class Param {
 public:
  Param(std::nullptr_t) : null_(true) {}
  Param(std::string_view text);
  Param(std::string&& text);
  Param(const std::string& text) : Param(std::string_view(text)) {}
  Param(const char* text) : Param(std::string_view(text)) {}
  Param(Bytes bytes);
  Param(absl::Time time);
  Param(double value);
  Param(Array&& array);
  template <std::integral Integer>
  Param(Integer value) {
    if constexpr (std::same_as<Integer, bool>) {
      // Not by assigning a literal, about which g++ 12 has a false alarm (-Wrestrict) at -O2.
      value_.push_back(value ? 't' : 'f');
    } else {
      value_ = std::to_string(value);
    }
  }
  template <class T>
  Param(const std::optional<T>& value) : Param(nullptr) {
    if (value.has_value()) *this = Param(*value);
  }

  bool valid() const { return valid_; }
  bool null() const { return null_; }
  // The value as PostgreSQL reads it. Empty if null.
  const std::string& value() const { return value_; }

 private:
  std::string value_;
  bool null_ = false;
  bool valid_ = true;
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_PARAM_H_
