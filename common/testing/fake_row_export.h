#ifndef PLAYLOG_COMMON_TESTING_FAKE_ROW_EXPORT_H_
#define PLAYLOG_COMMON_TESTING_FAKE_ROW_EXPORT_H_

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/row_export.h"

namespace playlog::testing {

// Gives out what it was made with, a step for each element.
class FakeRowExport final : public RowExport {
 public:
  explicit FakeRowExport(std::vector<ExportedRows> steps) : steps_(std::move(steps)) {}

  // Makes the step after the last one fail instead of ending the export.
  void FailAtTheEnd(absl::Status failure) { failure_ = std::move(failure); }

  absl::StatusOr<bool> Next(absl::Time, ExportedRows& rows) override {
    if (next_ < steps_.size()) {
      rows = steps_[next_++];
      return true;
    }
    if (!failure_.ok()) return failure_;
    return false;
  }

 private:
  std::vector<ExportedRows> steps_;
  std::size_t next_ = 0;
  absl::Status failure_;
};

// The text as a JSON string, with its quotes.
inline std::string JsonString(std::string_view text) {
  google::protobuf::Value value;
  value.set_string_value(std::string(text));
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(value, &json);
  return json;
}

// Reads a whole export and returns, for each row of `table`, the text of a member; "" where it is
// null or missing.
inline std::vector<std::string> ExportedMember(RowExport& rows, std::string_view table,
                                               const std::string& member, absl::Time deadline) {
  std::vector<std::string> found;
  ExportedRows step;
  for (absl::StatusOr<bool> more = rows.Next(deadline, step); more.ok() && *more;
       more = rows.Next(deadline, step)) {
    if (step.table != table) continue;
    for (std::size_t begin = 0; begin < step.lines.size();) {
      const std::size_t end = step.lines.find('\n', begin);
      google::protobuf::Struct line;
      if (!google::protobuf::util::JsonStringToMessage(step.lines.substr(begin, end - begin), &line)
               .ok()) {
        found.push_back("not a JSON object");
      } else {
        const google::protobuf::Value& value = (*line.mutable_fields())[member];
        std::string json = value.string_value();
        if (value.kind_case() == google::protobuf::Value::kNumberValue) {
          json = std::to_string(static_cast<long long>(value.number_value()));
        } else if (value.kind_case() == google::protobuf::Value::kBoolValue) {
          json = value.bool_value() ? "true" : "false";
        }
        found.push_back(json);
      }
      begin = end == std::string::npos ? step.lines.size() : end + 1;
    }
  }
  return found;
}

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_FAKE_ROW_EXPORT_H_
