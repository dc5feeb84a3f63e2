#ifndef PLAYLOG_TESTS_STANDINS_CONTROL_H_
#define PLAYLOG_TESTS_STANDINS_CONTROL_H_

#include <boost/json/fwd.hpp>
#include <string>

#include "tests/standins/http_message.h"
#include "tests/standins/world.h"

namespace playlog::standins {

// The control API of README.md. Lives for one request.
class Control {
 public:
  explicit Control(World& world) : world_(world) {}

  Answer Handle(const HttpRequest& request);

 private:
  std::string Post(const std::string& path, const boost::json::value& body);
  std::string Get(const std::string& path, const HttpRequest& request);

  std::string Script(const boost::json::value& body);
  std::string SetListener(const boost::json::value& body);
  std::string AddPlays(const boost::json::value& body);
  std::string SetLoved(const boost::json::value& body);
  std::string SetConsent(const boost::json::value& body);
  std::string Reset(const boost::json::value& body);
  std::string Calls(const HttpRequest& request);
  std::string Counts(const HttpRequest& request);
  std::string FindBusiest(const HttpRequest& request);
  std::string CanaryHits();
  std::string ScenarioNames();

  Listener& ListenerOf(const boost::json::value& body);

  World& world_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_CONTROL_H_
