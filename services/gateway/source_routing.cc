#include "services/gateway/source_routing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/strings.h"
#include "playlog/options/v1/options.pb.h"
#include "playlog/songs/v1/song.pb.h"
#include "services/gateway/field_rules.h"

namespace playlog::gateway {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status Refuse(const Route& route, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(route.method->full_name(), ": ", ToAbsl(why)));
}

bool IsSource(const FieldDescriptor& field) {
  return !field.is_repeated() && field.type() == FieldDescriptor::TYPE_ENUM &&
         field.enum_type()->full_name() == songs::v1::Source_descriptor()->full_name();
}

bool IsText(const FieldDescriptor& field) {
  return !field.is_repeated() && field.type() == FieldDescriptor::TYPE_STRING;
}

// A variable of the path is never empty, so a request always has it.
bool EveryRequestNamesASource(const Route& route) {
  return std::any_of(route.segments.begin(), route.segments.end(), [&](const PathSegment& segment) {
    return segment.field != nullptr &&
           (segment.field == route.source || segment.field == route.job_id);
  });
}

bool HasOnlyRepeatedFields(const Descriptor& answer) {
  for (int i = 0; i < answer.field_count(); ++i) {
    if (!answer.field(i)->is_repeated()) return false;
  }
  return true;
}

}  // namespace

absl::Status ReadSourceRouting(Route& route) {
  const auto& method = *route.method;
  route.by_source = method.service()->options().GetExtension(options::v1::served_by_sources);
  if (!route.by_source) return absl::OkStatus();
  route.source = method.input_type()->FindFieldByName("source");
  if (route.source != nullptr && !IsSource(*route.source)) {
    return Refuse(route, "its field `source` is no playlog.songs.v1.Source");
  }
  route.job_id = method.input_type()->FindFieldByName("job_id");
  if (route.job_id != nullptr && !IsText(*route.job_id)) {
    return Refuse(route, "its field `job_id` is no string");
  }
  if (EveryRequestNamesASource(route)) return absl::OkStatus();
  if (route.streams) return Refuse(route, "it streams, though a request may go to every source");
  if (route.alternative_status != 0 || !HasOnlyRepeatedFields(*method.output_type())) {
    return Refuse(route, "a request may go to every source, but not all of an answer is repeated");
  }
  return absl::OkStatus();
}

absl::StatusOr<NamedSource> SourceOf(const Route& route, const Message& request) {
  const auto& reflection = *request.GetReflection();
  if (route.source != nullptr) {
    const auto& value = *reflection.GetEnum(request, route.source);
    if (value.number() != 0) return NamedSource{EnumValueName(value), route.source};
  }
  if (route.job_id == nullptr) return NamedSource();
  const std::string job_id = reflection.GetString(request, route.job_id);
  if (job_id.empty()) return NamedSource();
  const std::vector<std::string> sources = SourceNames();
  std::string name = job_id.substr(0, job_id.find('-'));
  if (name == job_id || std::find(sources.begin(), sources.end(), name) == sources.end()) {
    return NoSuchJob();
  }
  return NamedSource{std::move(name), route.job_id};
}

absl::Status NoSuchJob() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "Job not found", "There is no job of this id.");
}

std::vector<std::string> SourceNames() {
  const auto& type = *songs::v1::Source_descriptor();
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumValueName(*type.value(i)));
  }
  return names;
}

std::string IngestServiceOf(const std::string& source) { return absl::StrCat(source, "_ingest"); }

}  // namespace playlog::gateway
