#ifndef PLAYLOG_TESTS_BENCH_USERS_H_
#define PLAYLOG_TESTS_BENCH_USERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/sql.h"
#include "tests/harness/stack.h"

namespace playlog::bench {

// A user who has signed in.
struct SignedIn {
  std::int64_t id = 0;
  std::string access;  // A token, good for almost 15 minutes.
};

// Makes users straight in auth's schema, in the order of their ids, signed in with tokens that the
// stack's own key signs: that their passwords are never hashed is what makes them cheap. Their
// names begin with `prefix`. Throws std::runtime_error.
std::vector<SignedIn> MakeUsers(const harness::Stack& stack, Sql& sql, const std::string& prefix,
                                int count);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_USERS_H_
