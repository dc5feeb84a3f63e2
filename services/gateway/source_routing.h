#ifndef PLAYLOG_SERVICES_GATEWAY_SOURCE_ROUTING_H_
#define PLAYLOG_SERVICES_GATEWAY_SOURCE_ROUTING_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/router.h"

namespace playlog::gateway {

// Which source a request is about, where every ingest service serves the RPC (the service option
// `served_by_sources`). Sources are known by playlog.songs.v1.Source alone. All functions are safe
// from any thread.

// Fills in `by_source`, `source` and `job_id` of a route that is complete otherwise.
// FAILED_PRECONDITION, naming the RPC, where one of the two fields has another type than it must
// have, or where a request may go to every source and their answers can't become one: they are
// streams, have fields that are not repeated, or a status that the service chooses.
absl::Status ReadSourceRouting(Route& route);

// The source that a request names.
struct NamedSource {
  std::string name;                                          // "spotify"; empty if it names none.
  const google::protobuf::FieldDescriptor* field = nullptr;  // Where it stands.
};

// Returns the source that a request of the route names. NOT_FOUND if its job id does not begin with
// a source's name and `-`.
absl::StatusOr<NamedSource> SourceOf(const Route& route, const google::protobuf::Message& request);

// The error of a job id that no job can have.
absl::Status NoSuchJob();

// The names of all sources, as requests have them, in the order of the enum.
std::vector<std::string> SourceNames();

// The name of the service that fetches from a source.
std::string IngestServiceOf(const std::string& source);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_SOURCE_ROUTING_H_
