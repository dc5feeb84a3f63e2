#ifndef PLAYLOG_TESTS_END_TO_END_PERSONAL_DATA_H_
#define PLAYLOG_TESTS_END_TO_END_PERSONAL_DATA_H_

#include <set>
#include <string>

#include "tests/harness/api.h"
#include "tests/harness/stack.h"

namespace playlog::harness {

// A user about whom every service holds something.
struct Person {
  User user;
  // A word in the name, in the names at the sources, in the plays and in the rejected items.
  std::string canary;
  // A word in the keys alone.
  std::string secret;
  std::string spotify_token;
  std::string lastfm_key;
  std::string lastfm_account;
};

// Makes a person with both keys, plays and rejected items from both sources, rate limits, sign-ins,
// one of them ended, a failed sign-in, and what else the calls leave. Fails the running test if
// that does not work.
Person NewPerson(const Stack& stack);

// Looks through every column of every table of every schema but PostgreSQL's own, with whatever
// tables there are now: for a text anywhere, also as bytes, and for a user's id in the columns that
// hold ids of users. Returns where it was found, as schema.table.column.
std::set<std::string> FindText(const Stack& stack, const std::string& text);
std::set<std::string> FindUserId(const Stack& stack, std::int64_t user_id);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_PERSONAL_DATA_H_
