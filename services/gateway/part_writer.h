#ifndef PLAYLOG_SERVICES_GATEWAY_PART_WRITER_H_
#define PLAYLOG_SERVICES_GATEWAY_PART_WRITER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Makes the body of a streamed answer out of its parts. Both functions append to `out`; after a
// failure, which is INTERNAL, the answer can't be completed. For one thread at a time.
class PartWriter {
 public:
  // In the form that the route says: the JSON of the one message that the parts make up, the bytes
  // that they hold, or an event for each. The route outlives the writer.
  static std::unique_ptr<PartWriter> For(const Route& route);
  virtual ~PartWriter() = default;

  // Adds a part, as gRPC brings it.
  virtual absl::Status Append(std::string_view wire, std::string& out) = 0;
  // Adds what ends the answer.
  virtual absl::Status Finish(std::string& out) = 0;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_PART_WRITER_H_
