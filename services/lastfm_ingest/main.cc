// The process that fetches scrobbles from Last.fm.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "common/base/clock.h"
#include "common/http/url.h"
#include "common/ingest/wiring.h"
#include "common/rpc/process.h"
#include "services/lastfm_ingest/service.h"
#include "services/lastfm_ingest/source.h"

ABSL_FLAG(std::string, lastfm_api_url, "https://ws.audioscrobbler.com", "The Last.fm API.");

int main(int argc, char** argv) {
  using namespace playlog;  // NOLINT(google-build-using-namespace): a list of what is built.
  rpc::Process process("lastfm_ingest", argc, argv);
  const std::string api_url = absl::GetFlag(FLAGS_lastfm_api_url);
  process.Require(http::CheckUpstreamUrl(api_url));
  ingest::Wiring wiring(process, songs::v1::SOURCE_LASTFM);
  lastfm_ingest::LastfmSource source(wiring.http_client(), Clock::System(), api_url);
  const std::unique_ptr<ingest::Engine> engine = wiring.MakeEngine(source);
  lastfm_ingest::LastfmIngestService service(*engine, wiring.fetch_dispatcher());
  return wiring.Serve(*engine, {&service});
}
