#ifndef PLAYLOG_TESTS_STANDINS_SERVICE_H_
#define PLAYLOG_TESTS_STANDINS_SERVICE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/http_message.h"
#include "tests/standins/library.h"
#include "tests/standins/scenario.h"

namespace playlog::standins {

// Who calls, as a service reads it out of a request.
struct Caller {
  // Every text of the request that a test may name, for example a user and an api key.
  std::vector<std::string> credentials;
  // The one that chooses the scenario and counts the calls; "" when there is none.
  std::string credential;
  std::optional<Scenario> scenario;
};

struct Call {
  const HttpRequest& request;
  const Caller& caller;
  std::int64_t number = 1;  // Which call of the caller's credential to this service, from 1.
  std::string base_url;     // Of this service, as the client knows it.
};

// One of the services that the program plays. Not thread-safe.
class Service {
 public:
  virtual ~Service() = default;

  virtual std::string_view name() const = 0;
  virtual Caller CallerOf(const HttpRequest& request) const = 0;

  // What the service answers when nothing is wrong but, perhaps, the request.
  virtual Content Good(const Call& call) = 0;
  // An error body in the service's shape.
  virtual Content Error(int status) const = 0;

  // The scenarios of this service alone. Empty when it has none of that name.
  virtual std::optional<Content> Special(const Call& call, const Scenario& scenario) = 0;
  virtual std::vector<std::string> SpecialNames() const = 0;
};

// The plays that a call may see.
class View {
 public:
  // `scenario` may give the listener a length, new plays, or plays that are not visible yet.
  View(Library& library, const std::string& listener_name, const std::optional<Scenario>& scenario,
       std::int64_t call_number);

  Listener& listener() const { return listener_; }
  // In the order of their ends, and of their starts.
  const std::vector<Play>& by_end() const { return hides_ ? by_end_ : listener_.by_end(); }
  const std::vector<Play>& by_start() const { return hides_ ? by_start_ : listener_.by_start(); }

 private:
  Listener& listener_;
  bool hides_ = false;
  std::vector<Play> by_end_;
  std::vector<Play> by_start_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_SERVICE_H_
