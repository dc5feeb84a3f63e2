#include "services/song_store/usernames.h"

#include <cstddef>

#include "common/base/error.h"

namespace playlog::song_store {
namespace {

constexpr std::size_t kNamesKept = 5'000;

}  // namespace

absl::Status FindUsers(const LookUpUsers& look_up, const rpc::Call& call, ListFilter& filter,
                       std::vector<std::string>& unnamed) {
  if (filter.words.empty()) return absl::OkStatus();
  auth::v1::LookUpUsersRequest request;
  for (const ListWord& word : filter.words) request.add_parts(word.text);
  PLAYLOG_ASSIGN_OR_RETURN(const auth::v1::LookUpUsersResponse response, look_up(call, request));
  if (response.matches_size() != request.parts_size()) {
    return InternalError("auth answered another number of words");
  }
  for (int i = 0; i < response.matches_size(); ++i) {
    const auth::v1::UserMatches& matches = response.matches(i);
    if (matches.capped()) {
      unnamed.push_back(filter.words[i].text);
    } else {
      filter.words[i].user_ids.assign(matches.ids().begin(), matches.ids().end());
    }
  }
  return absl::OkStatus();
}

absl::Status Usernames::Learn(const rpc::Call& call, const std::vector<std::int64_t>& ids) {
  if (names_.size() > kNamesKept) names_.clear();
  auth::v1::LookUpUsersRequest request;
  for (const std::int64_t id : ids) {
    if (names_.try_emplace(id).second) request.add_ids(id);
  }
  if (request.ids().empty()) return absl::OkStatus();
  PLAYLOG_ASSIGN_OR_RETURN(const auth::v1::LookUpUsersResponse response, look_up_(call, request));
  for (const auth::v1::NamedUser& user : response.users()) names_[user.id()] = user.username();
  return absl::OkStatus();
}

}  // namespace playlog::song_store
