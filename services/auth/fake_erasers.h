#ifndef PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_
#define PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_

#include <cstdint>
#include <vector>

#include "services/auth/erasers.h"

namespace playlog::auth {

// Notes whom it was told to erase. For one thread.
class FakeErasers final : public Erasers {
 public:
  absl::Status EraseUser(const rpc::Call&, std::int64_t user_id) override {
    if (failure.ok()) erased.push_back(user_id);
    return failure;
  }

  std::vector<std::int64_t> erased;
  absl::Status failure;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_FAKE_ERASERS_H_
