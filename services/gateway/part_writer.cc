#include "services/gateway/part_writer.h"

#include "common/base/status_macros.h"
#include "services/gateway/json_writer.h"
#include "services/gateway/rpc_answer.h"

namespace playlog::gateway {
namespace {

class JsonParts final : public PartWriter {
 public:
  explicit JsonParts(const Route& route) : writer_(*route.answer) {}
  absl::Status Append(std::string_view wire, std::string& out) override {
    return writer_.Write(wire, out);
  }
  absl::Status Finish(std::string& out) override { return writer_.Finish(out); }

 private:
  StreamWriter writer_;
};

class RawParts final : public PartWriter {
 public:
  explicit RawParts(const Route& route) : route_(route) {}
  absl::Status Append(std::string_view wire, std::string& out) override {
    return AppendBody(route_, wire, out);
  }
  absl::Status Finish(std::string&) override { return absl::OkStatus(); }

 private:
  const Route& route_;
};

// Our JSON has no line breaks, so an event is one line of data and the empty line that ends it.
class Events final : public PartWriter {
 public:
  explicit Events(const Route& route) : route_(route) {}
  absl::Status Append(std::string_view wire, std::string& out) override {
    std::string event = "data: ";
    PLAYLOG_RETURN_IF_ERROR(WriteJson(*route_.answer, wire, event));
    out += event + "\n\n";
    return absl::OkStatus();
  }
  absl::Status Finish(std::string&) override { return absl::OkStatus(); }

 private:
  const Route& route_;
};

}  // namespace

std::unique_ptr<PartWriter> PartWriter::For(const Route& route) {
  if (route.is_event_stream) return std::make_unique<Events>(route);
  if (route.IsRaw()) return std::make_unique<RawParts>(route);
  return std::make_unique<JsonParts>(route);
}

}  // namespace playlog::gateway
