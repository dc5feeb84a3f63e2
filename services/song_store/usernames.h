#ifndef PLAYLOG_SERVICES_SONG_STORE_USERNAMES_H_
#define PLAYLOG_SERVICES_SONG_STORE_USERNAMES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "common/rpc/call.h"
#include "playlog/auth/v1/user_admin_service.pb.h"
#include "services/song_store/listing_filter.h"

namespace playlog::song_store {

// Asks auth, who knows the names of users, for users by parts of their names, and for names by ids.
using LookUpUsers = std::function<absl::StatusOr<auth::v1::LookUpUsersResponse>(
    const rpc::Call&, const auth::v1::LookUpUsersRequest&)>;

// Finds the users of the filter's words. Appends to `unnamed` the words that too many names have,
// which are looked for in no name.
absl::Status FindUsers(const LookUpUsers& look_up, const rpc::Call& call, ListFilter& filter,
                       std::vector<std::string>& unnamed);

// The names of users by their ids, of which it keeps some thousand. For one thread at a time.
class Usernames {
 public:
  explicit Usernames(const LookUpUsers& look_up) : look_up_(look_up) {}

  // Puts the names into messages that have a user_id and a username, at most 1000 of them; a user
  // who is not there has no name.
  template <class Messages>
  absl::Status AddTo(const rpc::Call& call, Messages& messages) {
    std::vector<std::int64_t> ids;
    for (const auto& message : messages) ids.push_back(message.user_id());
    PLAYLOG_RETURN_IF_ERROR(Learn(call, ids));
    for (auto& message : messages) {
      const auto name = names_.find(message.user_id());
      if (name != names_.end() && !name->second.empty()) message.set_username(name->second);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Learn(const rpc::Call& call, const std::vector<std::int64_t>& ids);

  const LookUpUsers& look_up_;
  std::map<std::int64_t, std::string> names_;  // An empty name stands for a user who is not there.
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_USERNAMES_H_
