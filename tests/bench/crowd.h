#ifndef PLAYLOG_TESTS_BENCH_CROWD_H_
#define PLAYLOG_TESTS_BENCH_CROWD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/sql.h"
#include "tests/harness/stack.h"

namespace playlog::bench {

// One of many users.
struct Member {
  std::int64_t id = 0;
  std::string access;      // A token, good for 15 minutes.
  std::string listener;    // The name at the stand-ins of both sources.
  bool listens = false;    // Finishes songs all the time; else the history ended a month ago.
  std::string lastfm_key;  // That others use too; empty: the user has Spotify alone.
};

struct CrowdOptions {
  int users = 0;
  // One user in ten listens, and finishes a song in so many seconds.
  int seconds_of_song = 0;
  // How many users, of whom half have Last.fm, share a key there.
  int users_of_key = 50;
};

// Makes the users, signed in. Throws std::runtime_error.
std::vector<Member> MakeCrowd(const harness::Stack& stack, Sql& sql, const CrowdOptions& options);

// Stores the keys of all of them over REST, some at a time; each is tried once. Calls `each_second`
// meanwhile, on this thread. Throws std::runtime_error if a key cannot be stored.
void StoreKeys(const harness::Stack& stack, const std::vector<Member>& crowd,
               const std::function<void()>& each_second);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_CROWD_H_
