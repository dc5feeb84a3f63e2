#ifndef PLAYLOG_SERVICES_AUTH_USER_ADMIN_SERVICE_H_
#define PLAYLOG_SERVICES_AUTH_USER_ADMIN_SERVICE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "common/rpc/dispatcher.h"
#include "playlog/auth/v1/user_admin_service.grpc.pb.h"
#include "services/auth/audit.h"
#include "services/auth/credential_store.h"
#include "services/auth/user_directory.h"

namespace playlog::auth {

// The RPCs of user_admin_service.proto. The functions below the entry points are what tests call.
// Thread-safe.
class UserAdminService final : public v1::UserAdminService::CallbackService {
 public:
  UserAdminService(UserDirectory& users, CredentialStore& credentials, Audit& audit, Clock& clock,
                   rpc::Dispatcher& dispatcher)
      : users_(users),
        credentials_(credentials),
        audit_(audit),
        clock_(clock),
        dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const v1::ListUsersRequest* request,
                                      v1::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context,
                                    const v1::GetUserRequest* request,
                                    v1::GetUserResponse* response) override;
  grpc::ServerUnaryReactor* ListAllAuditEvents(grpc::CallbackServerContext* context,
                                               const v1::ListAllAuditEventsRequest* request,
                                               v1::ListAllAuditEventsResponse* response) override;
  grpc::ServerUnaryReactor* LookUpUsers(grpc::CallbackServerContext* context,
                                        const v1::LookUpUsersRequest* request,
                                        v1::LookUpUsersResponse* response) override;

  absl::StatusOr<v1::ListUsersResponse> ListUsers(rpc::Call& call,
                                                  const v1::ListUsersRequest& request);
  absl::StatusOr<v1::GetUserResponse> GetUser(rpc::Call& call, const v1::GetUserRequest& request);
  absl::StatusOr<v1::ListAllAuditEventsResponse> ListAllAuditEvents(
      rpc::Call& call, const v1::ListAllAuditEventsRequest& request);
  absl::StatusOr<v1::LookUpUsersResponse> LookUpUsers(rpc::Call& call,
                                                      const v1::LookUpUsersRequest& request);

 private:
  // Adds the users with what is known of their keys to the answer.
  absl::Status Describe(rpc::Call& call, const std::vector<DirectoryUser>& users,
                        google::protobuf::RepeatedPtrField<v1::ListedUser>& listed);

  UserDirectory& users_;
  CredentialStore& credentials_;
  Audit& audit_;
  Clock& clock_;
  rpc::Dispatcher& dispatcher_;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_USER_ADMIN_SERVICE_H_
