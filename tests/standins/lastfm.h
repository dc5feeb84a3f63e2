#ifndef PLAYLOG_TESTS_STANDINS_LASTFM_H_
#define PLAYLOG_TESTS_STANDINS_LASTFM_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/library.h"
#include "tests/standins/service.h"

namespace playlog::standins {

// GET /2.0/?method=user.getrecenttracks&format=json.
class Lastfm final : public Service {
 public:
  explicit Lastfm(Library& library) : library_(library) {}

  std::string_view name() const override { return "lastfm"; }
  Caller CallerOf(const HttpRequest& request) const override;
  Content Good(const Call& call) override;
  Content Error(int status) const override;
  std::optional<Content> Special(const Call& call, const Scenario& scenario) override;
  std::vector<std::string> SpecialNames() const override;

 private:
  Library& library_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_LASTFM_H_
