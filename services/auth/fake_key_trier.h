#ifndef PLAYLOG_SERVICES_AUTH_FAKE_KEY_TRIER_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_KEY_TRIER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "services/auth/key_trier.h"

namespace playlog::auth {

// Answers what it was told to, and notes what it was asked. For one thread.
class FakeKeyTrier final : public KeyTrier {
 public:
  std::optional<bool> Try(const rpc::Call&, std::int64_t user_id,
                          songs::v1::Source service) override {
    tried.emplace_back(user_id, service);
    if (meanwhile) meanwhile();
    return answer;
  }

  std::optional<bool> answer;
  // What happens while the key is tried.
  std::function<void()> meanwhile;
  std::vector<std::pair<std::int64_t, songs::v1::Source>> tried;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_KEY_TRIER_H_
