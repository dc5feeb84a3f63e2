#ifndef PLAYLOG_TESTS_STANDINS_STANDIN_SERVER_H_
#define PLAYLOG_TESTS_STANDINS_STANDIN_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/standins/world.h"

namespace playlog::standins {

// The stand-ins inside a test, on a free port of 127.0.0.1 and a thread of their own, from
// construction to destruction. Throws std::exception when no port can be bound.
class StandinServer {
 public:
  StandinServer() : StandinServer(WorldOptions{}) {}
  // A history end of 0 means now.
  explicit StandinServer(WorldOptions options);
  ~StandinServer();
  StandinServer(const StandinServer&) = delete;
  StandinServer& operator=(const StandinServer&) = delete;

  std::uint16_t port() const;
  // What the product's flags of the same names take.
  std::string spotify_api_url() const { return Url("/spotify"); }
  std::string spotify_accounts_url() const { return Url("/spotify-accounts"); }
  std::string lastfm_api_url() const { return Url("/lastfm"); }

 private:
  std::string Url(const std::string& path) const;

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_STANDIN_SERVER_H_
