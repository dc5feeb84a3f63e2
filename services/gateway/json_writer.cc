#include "services/gateway/json_writer.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "absl/container/fixed_array.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/gateway/json_text.h"
#include "services/gateway/wire_reader.h"

namespace playlog::gateway {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxKeptBytes = 1 << 20;

// Where the value of a field stands in the wire bytes of its message.
struct Slot {
  std::uint32_t count = 0;  // How often the field occurs; a repeated field may be packed in one.
  WireRecord last;          // Of a singular field: the occurrence that counts.
  const char* first_begin = nullptr;  // From the first occurrence to the end of the last.
  const char* last_end = nullptr;
};

using Slots = absl::FixedArray<Slot, 32>;

std::string_view Span(const Slot& slot) {
  return {slot.first_begin, static_cast<std::size_t>(slot.last_end - slot.first_begin)};
}

// Whether the record may be a value of the field: its own wire type, or its elements packed.
bool Fits(const FieldPlan& field, const WireRecord& record) {
  return record.wire_type == field.wire_type ||
         (field.shape == Shape::kRepeated && record.wire_type == WireType::kLength);
}

// Notes for each field of the plan where it stands. Unknown fields are passed over.
bool Locate(const JsonPlan& plan, std::string_view wire, Slots& slots) {
  WireReader reader(wire);
  WireRecord record;
  while (reader.Next(record)) {
    const int index = plan.IndexOf(record.number);
    if (index < 0) continue;
    const FieldPlan& field = plan.fields()[static_cast<std::size_t>(index)];
    if (!Fits(field, record)) continue;
    Slot& slot = slots[static_cast<std::size_t>(index)];
    if (slot.count++ == 0) slot.first_begin = record.begin;
    slot.last_end = record.end;
    slot.last = record;
    for (const int other : field.alternatives) slots[static_cast<std::size_t>(other)].count = 0;
  }
  return reader.ok();
}

// Writes one JSON text. Its functions return false after noting what is wrong.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  bool WriteMessage(const JsonPlan& plan, std::string_view wire);
  bool WriteField(const FieldPlan& field, const Slot& slot);
  bool WriteElements(const FieldPlan& field, std::string_view span, bool& is_first);
  void WriteKey(const FieldPlan& field, bool is_first) { out_.append(field.key, is_first ? 1 : 0); }

  absl::Status status() const { return InternalError(problem_); }

 private:
  bool Fail(std::string_view problem) {
    problem_ = problem;
    return false;
  }
  bool WriteValue(const FieldPlan& field, const WireRecord& record);
  bool WriteVarint(const FieldPlan& field, std::uint64_t value);
  bool WriteTimestamp(std::string_view wire);
  bool WritePacked(const FieldPlan& field, std::string_view packed, bool& is_first);
  bool WriteMap(const FieldPlan& field, std::string_view span);
  bool WriteMapKey(const FieldPlan& key, const Slot& slot);

  std::string& out_;
  std::string_view problem_;
  int depth_ = 0;
};

// Whether an unset field leaves no trace in the object.
bool IsLeftOut(const FieldPlan& field, const Slot& slot) {
  return field.omit_when_unset && slot.count == 0;
}

bool Writer::WriteMessage(const JsonPlan& plan, std::string_view wire) {
  if (++depth_ > kMaxDepth) return Fail("a message is nested too deeply");
  Slots slots(plan.fields().size(), Slot());
  if (!Locate(plan, wire, slots)) return Fail("a message is malformed");
  out_.push_back('{');
  bool is_first = true;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const FieldPlan& field = plan.fields()[i];
    if (IsLeftOut(field, slots[i])) continue;
    WriteKey(field, is_first);
    is_first = false;
    if (!WriteField(field, slots[i])) return false;
  }
  out_.push_back('}');
  --depth_;
  return true;
}

bool Writer::WriteField(const FieldPlan& field, const Slot& slot) {
  if (slot.count == 0) {
    out_.append(field.unset);
    return true;
  }
  if (field.shape == Shape::kMap) return WriteMap(field, Span(slot));
  if (field.shape == Shape::kRepeated) {
    out_.push_back('[');
    bool is_first = true;
    if (!WriteElements(field, Span(slot), is_first)) return false;
    out_.push_back(']');
    return true;
  }
  const bool is_message = field.kind == ValueKind::kMessage || field.kind == ValueKind::kTimestamp;
  if (slot.count == 1 || !is_message) return WriteValue(field, slot.last);
  // The occurrences of a message are merged, which is what their joined bytes mean.
  std::string joined;
  WireReader reader(Span(slot));
  WireRecord record;
  while (reader.Next(record)) {
    if (static_cast<int>(record.number) == field.number && Fits(field, record)) {
      joined.append(record.bytes);
    }
  }
  record.bytes = joined;
  return WriteValue(field, record);
}

bool Writer::WriteElements(const FieldPlan& field, std::string_view span, bool& is_first) {
  WireReader reader(span);
  WireRecord record;
  while (reader.Next(record)) {
    if (static_cast<int>(record.number) != field.number || !Fits(field, record)) continue;
    if (record.wire_type != field.wire_type) {
      if (!WritePacked(field, record.bytes, is_first)) return false;
      continue;
    }
    if (!std::exchange(is_first, false)) out_.push_back(',');
    if (!WriteValue(field, record)) return false;
  }
  return true;
}

bool Writer::WritePacked(const FieldPlan& field, std::string_view packed, bool& is_first) {
  WireReader reader(packed);
  WireRecord record;
  while (reader.NextPacked(field.wire_type, record)) {
    if (!std::exchange(is_first, false)) out_.push_back(',');
    if (!WriteValue(field, record)) return false;
  }
  return reader.ok() || Fail("packed values are malformed");
}

bool Writer::WriteValue(const FieldPlan& field, const WireRecord& record) {
  switch (field.kind) {
    case ValueKind::kString:
      if (field.empty_is_null && record.bytes.empty()) {
        out_.append("null");
      } else {
        AppendJsonString(record.bytes, out_);
      }
      return true;
    case ValueKind::kBytes:
      AppendJsonBytes(record.bytes, out_);
      return true;
    case ValueKind::kMessage:
      return WriteMessage(*field.plan, record.bytes);
    case ValueKind::kTimestamp:
      return WriteTimestamp(record.bytes);
    case ValueKind::kFixed32:
    case ValueKind::kFixed64:
      AppendUnsigned(record.value, out_);
      return true;
    case ValueKind::kSfixed32:
      AppendInteger(static_cast<std::int32_t>(record.value), out_);
      return true;
    case ValueKind::kSfixed64:
      AppendInteger(static_cast<std::int64_t>(record.value), out_);
      return true;
    case ValueKind::kFloat:
      return AppendFloat(std::bit_cast<float>(static_cast<std::uint32_t>(record.value)), out_) ||
             Fail("a number is not finite");
    case ValueKind::kDouble:
      return AppendDouble(std::bit_cast<double>(record.value), out_) ||
             Fail("a number is not finite");
    default:
      return WriteVarint(field, record.value);
  }
}

bool Writer::WriteVarint(const FieldPlan& field, std::uint64_t value) {
  switch (field.kind) {
    case ValueKind::kBool:
      out_.append(value != 0 ? "true" : "false");
      return true;
    case ValueKind::kInt32:
      AppendInteger(static_cast<std::int32_t>(value), out_);
      return true;
    case ValueKind::kUint32:
      AppendUnsigned(static_cast<std::uint32_t>(value), out_);
      return true;
    case ValueKind::kUint64:
      AppendUnsigned(value, out_);
      return true;
    case ValueKind::kSint:
      AppendInteger(static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1))), out_);
      return true;
    case ValueKind::kEnum: {
      const auto name = field.enum_names.find(static_cast<int>(value));
      // The number of a value that a newer service knows and this program does not.
      if (name == field.enum_names.end()) {
        AppendInteger(static_cast<std::int32_t>(value), out_);
      } else {
        out_.append(name->second);
      }
      return true;
    }
    default:
      AppendInteger(static_cast<std::int64_t>(value), out_);
      return true;
  }
}

bool Writer::WriteTimestamp(std::string_view wire) {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  WireReader reader(wire);
  WireRecord record;
  while (reader.Next(record)) {
    if (record.wire_type != WireType::kVarint) continue;
    if (record.number == 1) seconds = static_cast<std::int64_t>(record.value);
    if (record.number == 2) nanoseconds = static_cast<std::int64_t>(record.value);
  }
  if (!reader.ok()) return Fail("a Timestamp is malformed");
  return AppendTimestamp(seconds, nanoseconds, out_) || Fail("a Timestamp is out of range");
}

// The keys of a map are sorted, since their order on the wire is left to chance, and the last value
// of a key counts.
bool Writer::WriteMap(const FieldPlan& field, std::string_view span) {
  std::vector<std::pair<std::string, std::string>> members;
  WireReader reader(span);
  WireRecord record;
  while (reader.Next(record)) {
    if (static_cast<int>(record.number) != field.number || !Fits(field, record)) continue;
    Slots entry(field.plan->fields().size(), Slot());
    if (!Locate(*field.plan, record.bytes, entry)) return Fail("a map is malformed");
    auto& [key, value] = members.emplace_back();
    Writer key_writer(key);
    Writer value_writer(value);
    value_writer.depth_ = depth_;
    const FieldPlan& value_field = field.plan->fields()[1];
    if (!key_writer.WriteMapKey(field.plan->fields()[0], entry[0])) return false;
    if (entry[1].count == 0 && value_field.kind == ValueKind::kMessage) {
      entry[1].count = 1;  // In an entry, an absent message is an empty one.
    }
    if (!value_writer.WriteField(value_field, entry[1])) return Fail(value_writer.problem_);
  }
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  out_.push_back('{');
  bool is_first = true;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i + 1 < members.size() && members[i + 1].first == members[i].first) continue;
    if (!std::exchange(is_first, false)) out_.push_back(',');
    out_.append(members[i].first).append(":").append(members[i].second);
  }
  out_.push_back('}');
  return true;
}

// The keys of JSON are strings, so a key of another type is put between quotes.
bool Writer::WriteMapKey(const FieldPlan& key, const Slot& slot) {
  if (key.kind == ValueKind::kString) return WriteField(key, slot);
  out_.push_back('"');
  WriteField(key, slot);
  out_.push_back('"');
  return true;
}

}  // namespace

absl::Status WriteJson(const JsonPlan& plan, std::string_view wire, std::string& out) {
  const std::size_t size_before = out.size();
  Writer writer(out);
  if (writer.WriteMessage(plan, wire)) return absl::OkStatus();
  out.resize(size_before);
  return writer.status();
}

absl::Status WriteJson(const JsonPlan& plan, const google::protobuf::Message& message,
                       std::string& out) {
  return WriteJson(plan, message.SerializeAsString(), out);
}

StreamWriter::StreamWriter(const JsonPlan& plan) : plan_(plan), kept_(plan.fields().size()) {}

absl::Status StreamWriter::Write(std::string_view wire, std::string& out) {
  // What songs come to in JSON, so that the answer does not move while it grows.
  constexpr std::size_t kJsonBytesOfByte = 2;
  const std::size_t size_before = out.size();
  out.reserve(size_before + kJsonBytesOfByte * wire.size());
  absl::Status status = Keep(wire);
  if (status.ok()) status = WriteRepeated(wire, out);
  if (!status.ok()) out.resize(size_before);
  return status;
}

absl::Status StreamWriter::Finish(std::string& out) {
  const std::size_t size_before = out.size();
  absl::Status status = WriteUntil(plan_.fields().size(), out);
  if (status.ok()) {
    out.push_back('}');
  } else {
    out.resize(size_before);
  }
  return status;
}

// Writes the elements that a part brings.
absl::Status StreamWriter::WriteRepeated(std::string_view wire, std::string& out) {
  Slots slots(plan_.fields().size(), Slot());
  if (!Locate(plan_, wire, slots)) return InternalError("a message is malformed");
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const FieldPlan& field = plan_.fields()[i];
    if (field.shape != Shape::kRepeated || slots[i].count == 0) continue;
    if (i < next_) return InternalError("a part of a stream comes too late for its place");
    PLAYLOG_RETURN_IF_ERROR(WriteUntil(i, out));
    Writer writer(out);
    if (!std::exchange(array_is_open_, true)) {
      writer.WriteKey(field, !std::exchange(has_members_, true));
      out.push_back('[');
      array_is_empty_ = true;
    }
    if (!writer.WriteElements(field, Span(slots[i]), array_is_empty_)) return writer.status();
  }
  return absl::OkStatus();
}

// Keeps the fields of a part that cannot be written at once.
absl::Status StreamWriter::Keep(std::string_view wire) {
  WireReader reader(wire);
  WireRecord record;
  while (reader.Next(record)) {
    const int found = plan_.IndexOf(record.number);
    if (found < 0) continue;
    const auto index = static_cast<std::size_t>(found);
    const FieldPlan& field = plan_.fields()[index];
    if (field.shape == Shape::kRepeated || !Fits(field, record)) continue;
    if (index < next_) return InternalError("a part of a stream comes too late for its place");
    const bool is_merged = field.wire_type == WireType::kLength &&
                           field.kind != ValueKind::kString && field.kind != ValueKind::kBytes;
    const auto drop = [this](std::size_t other) {
      kept_bytes_ -= kept_[other].size();
      kept_[other].clear();
    };
    if (!is_merged) drop(index);
    for (const int other : field.alternatives) drop(static_cast<std::size_t>(other));
    kept_[index].append(record.begin, record.end);
    kept_bytes_ += static_cast<std::size_t>(record.end - record.begin);
    if (kept_bytes_ > kMaxKeptBytes) return InternalError("a stream has too much to keep");
  }
  return reader.ok() ? absl::OkStatus() : InternalError("a message is malformed");
}

// Writes what is declared before the field `index` and is not yet written.
absl::Status StreamWriter::WriteUntil(std::size_t index, std::string& out) {
  if (!std::exchange(object_is_open_, true)) out.push_back('{');
  for (; next_ < index; ++next_) {
    if (std::exchange(array_is_open_, false)) {
      out.push_back(']');
    } else {
      PLAYLOG_RETURN_IF_ERROR(WriteKept(next_, out));
    }
  }
  return absl::OkStatus();
}

absl::Status StreamWriter::WriteKept(std::size_t index, std::string& out) {
  Slots slots(plan_.fields().size(), Slot());
  if (!Locate(plan_, kept_[index], slots)) return InternalError("a message is malformed");
  const FieldPlan& field = plan_.fields()[index];
  if (IsLeftOut(field, slots[index])) return absl::OkStatus();
  Writer writer(out);
  writer.WriteKey(field, !std::exchange(has_members_, true));
  return writer.WriteField(field, slots[index]) ? absl::OkStatus() : writer.status();
}

}  // namespace playlog::gateway
