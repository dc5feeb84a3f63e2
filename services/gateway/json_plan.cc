#include "services/gateway/json_plan.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "playlog/options/v1/options.pb.h"
#include "services/gateway/field_rules.h"

namespace playlog::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int kMaxFieldNumber = 4095;

struct Encoding {
  ValueKind kind;
  WireType wire_type;
  std::string_view zero;
};

std::optional<Encoding> EncodingOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return Encoding{ValueKind::kBool, WireType::kVarint, "false"};
    case FieldDescriptor::TYPE_INT32:
      return Encoding{ValueKind::kInt32, WireType::kVarint, "0"};
    case FieldDescriptor::TYPE_INT64:
      return Encoding{ValueKind::kInt64, WireType::kVarint, "0"};
    case FieldDescriptor::TYPE_UINT32:
      return Encoding{ValueKind::kUint32, WireType::kVarint, "0"};
    case FieldDescriptor::TYPE_UINT64:
      return Encoding{ValueKind::kUint64, WireType::kVarint, "0"};
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      return Encoding{ValueKind::kSint, WireType::kVarint, "0"};
    case FieldDescriptor::TYPE_FIXED32:
      return Encoding{ValueKind::kFixed32, WireType::kFixed32, "0"};
    case FieldDescriptor::TYPE_FIXED64:
      return Encoding{ValueKind::kFixed64, WireType::kFixed64, "0"};
    case FieldDescriptor::TYPE_SFIXED32:
      return Encoding{ValueKind::kSfixed32, WireType::kFixed32, "0"};
    case FieldDescriptor::TYPE_SFIXED64:
      return Encoding{ValueKind::kSfixed64, WireType::kFixed64, "0"};
    case FieldDescriptor::TYPE_FLOAT:
      return Encoding{ValueKind::kFloat, WireType::kFixed32, "0"};
    case FieldDescriptor::TYPE_DOUBLE:
      return Encoding{ValueKind::kDouble, WireType::kFixed64, "0"};
    case FieldDescriptor::TYPE_STRING:
      return Encoding{ValueKind::kString, WireType::kLength, "\"\""};
    case FieldDescriptor::TYPE_BYTES:
      return Encoding{ValueKind::kBytes, WireType::kLength, "\"\""};
    case FieldDescriptor::TYPE_ENUM:
      return Encoding{ValueKind::kEnum, WireType::kVarint, ""};
    case FieldDescriptor::TYPE_MESSAGE:
      if (IsTimestamp(field)) return Encoding{ValueKind::kTimestamp, WireType::kLength, "null"};
      if (field.message_type()->file()->package() == "google.protobuf") return std::nullopt;
      return Encoding{ValueKind::kMessage, WireType::kLength, "null"};
    case FieldDescriptor::TYPE_GROUP:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string UnsetText(const FieldDescriptor& field, const FieldPlan& plan, std::string_view zero) {
  if (plan.shape == Shape::kMap) return "{}";
  if (plan.shape == Shape::kRepeated) return "[]";
  if (plan.has_presence || plan.empty_is_null) return "null";
  if (plan.kind != ValueKind::kEnum) return std::string(zero);
  return absl::StrCat("\"", EnumValueName(*field.default_value_enum()), "\"");
}

// The field's index among those of its message that stand in JSON.
int PlaceOf(const FieldDescriptor& field) {
  int place = 0;
  for (int i = 0; i < field.index(); ++i) {
    if (!IsCookie(*field.containing_type()->field(i))) ++place;
  }
  return place;
}

}  // namespace

absl::StatusOr<const JsonPlan*> JsonPlans::Compile(const Descriptor& type) {
  auto [known, is_new] = plans_.try_emplace(&type);
  if (!is_new) return known->second.get();
  // Entered before its fields are looked at, so that a type may hold itself.
  known->second = std::make_unique<JsonPlan>();
  JsonPlan* const plan = known->second.get();
  for (int i = 0; i < type.field_count(); ++i) {
    if (IsCookie(*type.field(i))) continue;
    PLAYLOG_ASSIGN_OR_RETURN(FieldPlan field, CompileField(*type.field(i)));
    const auto number = static_cast<std::size_t>(field.number);
    if (plan->index_of_number_.size() <= number) plan->index_of_number_.resize(number + 1, -1);
    plan->index_of_number_[number] = static_cast<std::int16_t>(plan->fields_.size());
    plan->fields_.push_back(std::move(field));
  }
  return plan;
}

absl::StatusOr<FieldPlan> JsonPlans::CompileField(const FieldDescriptor& field) {
  const std::optional<Encoding> encoding = EncodingOf(field);
  if (!encoding.has_value() || field.number() > kMaxFieldNumber) {
    return InternalError(absl::StrCat(field.full_name(), " has no form in JSON"));
  }
  const auto& behaviour = field.options().GetExtension(options::v1::json_behaviour);
  FieldPlan plan;
  plan.key = absl::StrCat(",\"", field.name(), "\":");
  plan.number = field.number();
  plan.kind = encoding->kind;
  plan.wire_type = encoding->wire_type;
  if (field.is_repeated()) plan.shape = field.is_map() ? Shape::kMap : Shape::kRepeated;
  plan.has_presence = field.has_presence();
  plan.omit_when_unset = behaviour.omit_when_unset() && plan.has_presence;
  plan.empty_is_null = behaviour.empty_is_null() && plan.kind == ValueKind::kString;
  plan.unset = UnsetText(field, plan, encoding->zero);
  if (plan.kind == ValueKind::kMessage) {
    PLAYLOG_ASSIGN_OR_RETURN(plan.plan, Compile(*field.message_type()));
  }
  if (plan.kind == ValueKind::kEnum) {
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const auto& value = *field.enum_type()->value(i);
      plan.enum_names.try_emplace(value.number(), absl::StrCat("\"", EnumValueName(value), "\""));
    }
  }
  if (const auto* oneof = field.real_containing_oneof(); oneof != nullptr) {
    for (int i = 0; i < oneof->field_count(); ++i) {
      if (oneof->field(i) != &field) plan.alternatives.push_back(PlaceOf(*oneof->field(i)));
    }
  }
  return plan;
}

}  // namespace playlog::gateway
