#ifndef PLAYLOG_TESTS_STANDINS_WORLD_H_
#define PLAYLOG_TESTS_STANDINS_WORLD_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tests/standins/accounts.h"
#include "tests/standins/call_log.h"
#include "tests/standins/http_message.h"
#include "tests/standins/lastfm.h"
#include "tests/standins/library.h"
#include "tests/standins/script.h"
#include "tests/standins/spotify.h"

namespace playlog::standins {

struct WorldOptions {
  Library::Options library;
  Accounts::Options accounts;
  std::string samples_directory;  // "" when there is none.
  std::int64_t spotify_latency_ms = 0;
  std::int64_t lastfm_latency_ms = 0;
  // Album art lies here, at the address by which the first caller came, and not at the real
  // servers.
  bool draw_art = false;
};

// Everything that the program plays, behind one function. Not thread-safe.
class World {
 public:
  explicit World(WorldOptions options);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // What goes back for a request to any of the paths of README.md.
  Answer Handle(const HttpRequest& request);

 private:
  friend class Control;

  Answer CallService(Service& service, const HttpRequest& request, const std::string& prefix);
  Answer Choose(Service& service, const Call& call);
  Answer ByScenario(Service& service, const Call& call);
  Answer Scripted(Service& service, const Call& call, const ScriptedAnswer& scripted);
  std::int64_t LatencyMs(const Service& service) const;

  const WorldOptions options_;
  Library library_;
  Accounts accounts_;
  Spotify spotify_;
  Lastfm lastfm_;
  Scripts scripts_;
  CallLog calls_;
  std::deque<std::string> canary_hits_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_WORLD_H_
