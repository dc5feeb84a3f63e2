#ifndef PLAYLOG_SERVICES_GATEWAY_JSON_WRITER_H_
#define PLAYLOG_SERVICES_GATEWAY_JSON_WRITER_H_

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "services/gateway/json_plan.h"

namespace playlog::gateway {

// Writes messages as JSON by the conventions of proto/README.md: compact, in the order of
// declaration, in snake_case, with 64-bit integers as numbers. The input is the message in wire
// form, as gRPC brings it, so an answer is never parsed into objects.
//
// All functions append to `out`. On failure `out` is as before and the status is INTERNAL: the wire
// is malformed or nested deeper than 64 messages, a number is not finite, or a Timestamp is out of
// range. Different threads may write at the same time with the same plan.

absl::Status WriteJson(const JsonPlan& plan, std::string_view wire, std::string& out);

// The same from a message of the plan's type.
absl::Status WriteJson(const JsonPlan& plan, const google::protobuf::Message& message,
                       std::string& out);

// Writes the parts of ONE message as one JSON object while they arrive. What Write() and Finish()
// append is together, byte for byte, what WriteJson() makes of the merged message.
//
// A repeated field is written at once and stays open for more of the same; every other field is
// kept (at most 1 MiB) and written when its turn comes: before the elements of a repeated field
// that is declared after it, else at the end. So a part must not bring a field whose turn is over;
// that fails with INTERNAL. After a failure the writer must not be used, and the HTTP answer is
// broken off.
//
// Not thread-safe. The plan must outlive the writer.
class StreamWriter {
 public:
  explicit StreamWriter(const JsonPlan& plan);

  absl::Status Write(std::string_view wire, std::string& out);
  absl::Status Finish(std::string& out);

 private:
  absl::Status Keep(std::string_view wire);
  absl::Status WriteRepeated(std::string_view wire, std::string& out);
  absl::Status WriteUntil(std::size_t index, std::string& out);
  absl::Status WriteKept(std::size_t index, std::string& out);

  const JsonPlan& plan_;
  std::vector<std::string> kept_;  // For each field, what came of it, in wire form.
  std::size_t kept_bytes_ = 0;
  std::size_t next_ = 0;        // The first field that is not yet written to its end.
  bool array_is_open_ = false;  // The field `next_` is a repeated one whose `[` is written …
  bool array_is_empty_ = true;  // … and nothing after it.
  bool object_is_open_ = false;
  bool has_members_ = false;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_JSON_WRITER_H_
