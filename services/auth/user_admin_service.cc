#include "services/auth/user_admin_service.h"

#include <google/protobuf/util/time_util.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/auth/api_keys.h"

namespace playlog::auth {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr int kLimitMax = 200;
constexpr int kLimitDefault = 100;
constexpr std::size_t kNameBytesMax = 150;
constexpr int kPartsMax = 10;
constexpr int kIdsMax = 1'000;
constexpr int kMatchesMax = 1'000;
constexpr char kOrderDefault[] = "-id";

google::protobuf::Timestamp ToProto(absl::Time time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

template <class Request>
absl::StatusOr<int> ReadLimit(const Request& request) {
  const int limit = request.has_limit() ? request.limit() : kLimitDefault;
  if (limit < 1 || limit > kLimitMax) return InvalidField("limit", "an integer from 1 to 200");
  return limit;
}

// A cursor is where the page before ended, under the name of the order; it tells nothing that the
// page has not told.
std::string EncodeCursor(const DirectoryQuery& query, const DirectoryUser& last) {
  return Base64UrlEncode(query.by_name ? absl::StrCat("username:", absl::AsciiStrToLower(last.name))
                                       : absl::StrCat("id:", last.id));
}

std::optional<DirectoryPosition> DecodeCursor(const DirectoryQuery& query,
                                              const std::string& cursor) {
  const std::optional<std::string> bytes = Base64UrlDecode(cursor);
  const std::string_view prefix = query.by_name ? "username:" : "id:";
  if (!bytes.has_value() || !bytes->starts_with(prefix) || !IsPrintableAscii(*bytes)) {
    return std::nullopt;
  }
  DirectoryPosition position{.name = bytes->substr(prefix.size())};
  if (!query.by_name && !absl::SimpleAtoi(position.name, &position.id)) return std::nullopt;
  return position;
}

absl::StatusOr<DirectoryQuery> ReadQuery(const v1::ListUsersRequest& request) {
  DirectoryQuery query;
  PLAYLOG_ASSIGN_OR_RETURN(query.limit, ReadLimit(request));
  if (request.has_q()) {
    if (request.q().size() > kNameBytesMax) return InvalidField("q", "at most 150 bytes");
    query.part = request.q();
  }
  if (request.has_staff()) query.staff = request.staff();
  const std::string given = request.has_order_by() ? request.order_by() : kOrderDefault;
  std::string_view order = given;
  query.is_descending = order.starts_with('-');
  if (query.is_descending) order.remove_prefix(1);
  query.by_name = order == "username";
  if (!query.by_name && order != "id") {
    return InvalidField("order_by", "id or username, with or without - before it");
  }
  if (request.has_cursor()) {
    query.after = DecodeCursor(query, request.cursor());
    if (!query.after.has_value()) {
      return InvalidField("cursor", "the `next` of an answer to the same request");
    }
  }
  return query;
}

void DescribeKey(const StoredKey& key, absl::Time now, v1::ListedKey& message) {
  const KeyHealth health = HealthOf(key, now);
  message.set_service_name(SourceOf(key.service_name));
  message.set_state(health.state);
  *message.mutable_state_since() = ToProto(health.since);
  *message.mutable_created_at() = ToProto(key.created_at);
  *message.mutable_updated_at() = ToProto(key.updated_at);
  if (health.ends_at.has_value()) *message.mutable_ends_at() = ToProto(*health.ends_at);
  if (key.record.last_success_at.has_value()) {
    *message.mutable_last_success_at() = ToProto(*key.record.last_success_at);
  }
}

}  // namespace

grpc::ServerUnaryReactor* UserAdminService::ListUsers(grpc::CallbackServerContext* context,
                                                      const v1::ListUsersRequest* request,
                                                      v1::ListUsersResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::ListUsersRequest& r) { return ListUsers(call, r); });
}

grpc::ServerUnaryReactor* UserAdminService::GetUser(grpc::CallbackServerContext* context,
                                                    const v1::GetUserRequest* request,
                                                    v1::GetUserResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::GetUserRequest& r) { return GetUser(call, r); });
}

grpc::ServerUnaryReactor* UserAdminService::ListAllAuditEvents(
    grpc::CallbackServerContext* context, const v1::ListAllAuditEventsRequest* request,
    v1::ListAllAuditEventsResponse* response) {
  return dispatcher_.Unary(context, request, response,
                           [this](rpc::Call& call, const v1::ListAllAuditEventsRequest& r) {
                             return ListAllAuditEvents(call, r);
                           });
}

grpc::ServerUnaryReactor* UserAdminService::LookUpUsers(grpc::CallbackServerContext* context,
                                                        const v1::LookUpUsersRequest* request,
                                                        v1::LookUpUsersResponse* response) {
  return dispatcher_.Unary(
      context, request, response,
      [this](rpc::Call& call, const v1::LookUpUsersRequest& r) { return LookUpUsers(call, r); });
}

absl::Status UserAdminService::Describe(rpc::Call& call, const std::vector<DirectoryUser>& users,
                                        RepeatedPtrField<v1::ListedUser>& listed) {
  std::vector<std::int64_t> ids;
  for (const DirectoryUser& user : users) ids.push_back(user.id);
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<StoredKey> keys,
                           credentials_.ListKeysOfUsers(call.deadline, ids));
  std::multimap<std::int64_t, const StoredKey*> keys_of_user;
  for (const StoredKey& key : keys) keys_of_user.emplace(key.user_id, &key);
  for (const DirectoryUser& user : users) {
    v1::ListedUser& message = *listed.Add();
    message.set_id(user.id);
    message.set_username(user.name);
    *message.mutable_created_at() = ToProto(user.created_at);
    message.set_staff(user.staff);
    const auto [begin, end] = keys_of_user.equal_range(user.id);
    for (auto key = begin; key != end; ++key) {
      DescribeKey(*key->second, clock_.Now(), *message.add_keys());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ListUsersResponse> UserAdminService::ListUsers(
    rpc::Call& call, const v1::ListUsersRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(DirectoryQuery query, ReadQuery(request));
  const int limit = query.limit;
  // One more than asked for tells whether there is a further page.
  query.limit = limit + 1;
  PLAYLOG_ASSIGN_OR_RETURN(std::vector<DirectoryUser> users, users_.List(call.deadline, query));
  const bool more = std::ssize(users) > limit;
  if (more) users.pop_back();
  v1::ListUsersResponse response;
  PLAYLOG_RETURN_IF_ERROR(Describe(call, users, *response.mutable_results()));
  if (more) response.set_next(EncodeCursor(query, users.back()));
  return response;
}

absl::StatusOr<v1::GetUserResponse> UserAdminService::GetUser(rpc::Call& call,
                                                              const v1::GetUserRequest& request) {
  if (request.id() <= 0) return InvalidField("id", "an integer greater than 0");
  PLAYLOG_ASSIGN_OR_RETURN(const std::optional<DirectoryUser> user,
                           users_.Find(call.deadline, request.id()));
  if (!user.has_value()) return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such user");
  RepeatedPtrField<v1::ListedUser> listed;
  PLAYLOG_RETURN_IF_ERROR(Describe(call, {*user}, listed));
  v1::GetUserResponse response;
  response.mutable_result()->Swap(listed.Mutable(0));
  return response;
}

absl::StatusOr<v1::ListAllAuditEventsResponse> UserAdminService::ListAllAuditEvents(
    rpc::Call& call, const v1::ListAllAuditEventsRequest& request) {
  PLAYLOG_ASSIGN_OR_RETURN(const int limit, ReadLimit(request));
  AuditQuery query{.limit = limit + 1};
  if (request.has_user_id()) query.user_id = request.user_id();
  if (request.has_action()) query.action = request.action();
  if (request.has_before()) query.before = request.before();
  if (query.user_id.value_or(1) < 1) return InvalidField("user_id", "an integer greater than 0");
  if (query.before.value_or(1) < 1) return InvalidField("before", "the next of an earlier answer");
  PLAYLOG_ASSIGN_OR_RETURN(std::vector<AuditEvent> events, audit_.ListAll(call.deadline, query));
  const bool more = std::ssize(events) > limit;
  if (more) events.pop_back();
  std::vector<std::int64_t> ids;
  for (const AuditEvent& event : events) ids.push_back(event.user_id);
  PLAYLOG_ASSIGN_OR_RETURN(const auto names, users_.NamesOf(call.deadline, ids));
  v1::ListAllAuditEventsResponse response;
  for (const AuditEvent& event : events) {
    v1::ListedAuditEvent& listed = *response.add_results();
    DescribeAuditEvent(event, *listed.mutable_event());
    listed.set_user_id(event.user_id);
    const auto name = names.find(event.user_id);
    if (name != names.end()) listed.set_username(name->second);
  }
  if (more) response.set_next(events.back().id);
  return response;
}

absl::StatusOr<v1::LookUpUsersResponse> UserAdminService::LookUpUsers(
    rpc::Call& call, const v1::LookUpUsersRequest& request) {
  if (request.parts_size() > kPartsMax) return InvalidField("parts", "at most 10");
  if (request.ids_size() > kIdsMax) return InvalidField("ids", "at most 1000");
  v1::LookUpUsersResponse response;
  for (const std::string& part : request.parts()) {
    v1::UserMatches& matches = *response.add_matches();
    // No name has what is not ASCII.
    if (part.empty() || !IsPrintableAscii(part)) continue;
    PLAYLOG_ASSIGN_OR_RETURN(std::vector<std::int64_t> ids,
                             users_.FindByPart(call.deadline, part, kMatchesMax + 1));
    matches.set_capped(std::ssize(ids) > kMatchesMax);
    if (matches.capped()) ids.pop_back();
    matches.mutable_ids()->Assign(ids.begin(), ids.end());
  }
  if (request.ids().empty()) return response;
  PLAYLOG_ASSIGN_OR_RETURN(
      const auto names,
      users_.NamesOf(call.deadline, std::span(request.ids().data(),
                                              static_cast<std::size_t>(request.ids_size()))));
  for (const auto& [id, name] : names) {
    v1::NamedUser& user = *response.add_users();
    user.set_id(id);
    user.set_username(name);
  }
  return response;
}

}  // namespace playlog::auth
