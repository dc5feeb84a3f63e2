#ifndef PLAYLOG_COMMON_INGEST_WIRING_H_
#define PLAYLOG_COMMON_INGEST_WIRING_H_

#include <memory>
#include <vector>

#include "common/http/client.h"
#include "common/ingest/engine.h"
#include "common/ingest/key_notes.h"
#include "common/ingest/neighbours.h"
#include "common/ingest/store.h"
#include "playlog/songs/v1/song.pb.h"

namespace grpc {
class Service;
}

namespace playlog::rpc {
class Dispatcher;
class Process;
}  // namespace playlog::rpc

namespace playlog::ingest {

// What every ingest service is built from, so that a main() only adds what its source needs: the
// store in the service's own schema, the neighbours, the way out, and the dispatchers. Its flags
// are --song_store_address, --budgets, those of sync_flags.h and those of rpc::Process. Made in
// main() before the parts that use it.
class Wiring {
 public:
  // Brings the schema up to date first. Whatever is wrong ends the process as Process::Require
  // does.
  Wiring(rpc::Process& process, songs::v1::Source source);
  ~Wiring();
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;

  KeyVault& vault();
  Store& store();
  http::Client& http_client();
  // To be told of keys that the service itself stores.
  KeyNotes& key_notes();
  // The engine of the service's one source, which lives longer than the wiring is used.
  std::unique_ptr<Engine> MakeEngine(Source& source);

  // For the RPCs that wait for the upstream: a fetch holds its worker meanwhile, so fetches have
  // workers of their own.
  rpc::Dispatcher& fetch_dispatcher();
  // For the others.
  rpc::Dispatcher& dispatcher();

  // Serves these services, and for the engine those that every source has, and fetches in the
  // background, until the process is told to stop; main()'s result.
  int Serve(Engine& engine, std::vector<grpc::Service*> services);

 private:
  struct Parts;
  rpc::Process& process_;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_WIRING_H_
