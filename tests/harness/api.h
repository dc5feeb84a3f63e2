#ifndef PLAYLOG_TESTS_HARNESS_API_H_
#define PLAYLOG_TESTS_HARNESS_API_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/harness/http_client.h"

namespace playlog::harness {

struct User {
  std::int64_t id = 0;
  std::string name;
  std::string password;
  std::string access;
  std::string refresh;
};

// The text of a request, for tests that send bytes. The request asks for the connection's close.
// `token` empty: no Authorization field. `fields` are whole lines, each with its CR LF.
std::string RequestText(std::string_view method, std::string_view target, std::string_view token,
                        std::string_view json = {}, std::string_view fields = {});

// Calls the REST API at a port; each call has a connection of its own. Thread-safe.
class Api {
 public:
  explicit Api(int port) : port_(port) {}

  HttpAnswer Get(std::string_view target, std::string_view token = {}) const;
  HttpAnswer Head(std::string_view target, std::string_view token = {}) const;
  HttpAnswer Delete(std::string_view target, std::string_view token = {}) const;
  HttpAnswer Put(std::string_view target, std::string_view json, std::string_view token = {}) const;
  HttpAnswer Post(std::string_view target, std::string_view json,
                  std::string_view token = {}) const;

  // A user of a name that no other has, signed in. Fails the running test if that does not work.
  User NewUser() const;
  HttpAnswer StoreSpotifyToken(const User& user, std::string_view token) const;
  // `account` empty: without service_user_id.
  HttpAnswer StoreLastfmKey(const User& user, std::string_view key, std::string_view account) const;
  HttpAnswer FetchSpotify(const User& user) const;
  HttpAnswer FetchLastfm(const User& user, std::string_view query = {}) const;
  HttpAnswer StoredSongs(const User& user, std::string_view query = {}) const;

 private:
  const int port_;
};

// The text as a JSON string, with its quotes.
std::string Quoted(std::string_view text);

// A member of a JSON object as text: a string's contents, anything else as JSON; "" if the member
// or the object is not there. `path` has dots between names, and numbers for places in arrays.
std::string Member(std::string_view json, std::string_view path);

// How many elements the array at a path has; -1 if there is none.
int CountElements(std::string_view json, std::string_view path);

// How often a text occurs.
int CountOf(std::string_view text, std::string_view part);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_API_H_
