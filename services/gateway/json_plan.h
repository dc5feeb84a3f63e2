#ifndef PLAYLOG_SERVICES_GATEWAY_JSON_PLAN_H_
#define PLAYLOG_SERVICES_GATEWAY_JSON_PLAN_H_

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace playlog::gateway {

// How a message type becomes JSON, worked out once from its descriptor, so that an answer can be
// written straight from its wire bytes by walking two small tables.

enum class ValueKind : std::uint8_t {
  kBool,
  kInt32,
  kInt64,
  kUint32,
  kUint64,
  kSint,
  kFixed32,
  kFixed64,
  kSfixed32,
  kSfixed64,
  kFloat,
  kDouble,
  kString,
  kBytes,
  kEnum,
  kTimestamp,
  kMessage,
};

// The wire types of the Protobuf encoding that proto3 uses.
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

enum class Shape : std::uint8_t { kSingular, kRepeated, kMap };

class JsonPlan;

struct FieldPlan {
  std::string key;  // `,"title":`; the first member of an object leaves the comma out.
  int number = 0;
  ValueKind kind = ValueKind::kBool;
  WireType wire_type = WireType::kVarint;
  Shape shape = Shape::kSingular;
  bool has_presence = false;
  bool omit_when_unset = false;
  bool empty_is_null = false;
  std::string unset;                                 // What stands for the field when it is unset.
  const JsonPlan* plan = nullptr;                    // Of a message, or of a map's entries.
  absl::flat_hash_map<int, std::string> enum_names;  // With their quotes.
  std::vector<int> alternatives;  // The other fields of the same oneof, as indexes.
};

class JsonPlan {
 public:
  // In the order of declaration, which is the order in JSON. Fields that travel as cookies are not
  // among them.
  const std::vector<FieldPlan>& fields() const { return fields_; }

  // The index of a field in fields(); -1 if the number is unknown.
  int IndexOf(std::uint32_t number) const {
    return number < index_of_number_.size() ? index_of_number_[number] : -1;
  }

 private:
  friend class JsonPlans;
  std::vector<FieldPlan> fields_;
  std::vector<std::int16_t> index_of_number_;
};

// Makes and owns plans. Compile() is for one thread at a time, at start; the plans themselves never
// change afterwards and may be used from any thread as long as this object lives.
class JsonPlans {
 public:
  // The plan of a message type. Fails for what has no form in our JSON: well-known types other than
  // Timestamp, groups, field numbers above 4095.
  absl::StatusOr<const JsonPlan*> Compile(const google::protobuf::Descriptor& type);

 private:
  absl::StatusOr<FieldPlan> CompileField(const google::protobuf::FieldDescriptor& field);

  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<JsonPlan>> plans_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_JSON_PLAN_H_
