#ifndef PLAYLOG_TESTS_BENCH_PLAYS_H_
#define PLAYLOG_TESTS_BENCH_PLAYS_H_

#include <cstdint>
#include <string>

#include "tests/bench/sql.h"

namespace playlog::bench {

// Copies a user's plays to others inside PostgreSQL, which stores millions in the time in which
// UpsertSongs stores thousands: a song's digest stays good, since it is of the title and the artist
// alone. `targets` is a query of rows (user_id, shift): who gets them, and by what interval they
// are moved, for a user who gets them several times. All users' rows are written in their order.
// Returns the number of plays. Throws std::runtime_error.
std::int64_t CopyPlays(Sql& sql, std::int64_t from_user, const std::string& targets);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_PLAYS_H_
