// What the protos say about who may call what, and who reaches the sockets at all.

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "google/api/annotations.pb.h"
#include "tests/end_to_end/access_rpcs.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::MethodDescriptor;
using options::v1::Access;

// The names under which a request could say whose data it is about.
bool NamesAUser(const std::string& field) {
  static const auto& names = *new std::set<std::string>{
      "user",    "user_id",    "username", "user_name", "owner",       "owner_id",
      "account", "account_id", "sub",      "subject",   "on_behalf_of"};
  return names.contains(field);
}

void CheckFields(const Descriptor& type, std::set<const Descriptor*>& seen) {
  if (!seen.insert(&type).second) return;
  for (int i = 0; i < type.field_count(); ++i) {
    EXPECT_FALSE(NamesAUser(type.field(i)->name())) << type.field(i)->full_name();
    if (type.field(i)->message_type() != nullptr) CheckFields(*type.field(i)->message_type(), seen);
  }
}

TEST(AccessDeclarations, AUsersRequestNeverSaysWhoseDataItIsAbout) {
  int rpcs = 0;
  for (const MethodDescriptor* rpc : PlaylogRpcs()) {
    if (!AccessOf(*rpc).user()) continue;
    std::set<const Descriptor*> seen;
    CheckFields(*rpc->input_type(), seen);
    ++rpcs;
  }
  EXPECT_GE(rpcs, 12);
}

TEST(AccessDeclarations, EveryRpcHasExactlyOne) {
  for (const MethodDescriptor* rpc : PlaylogRpcs()) {
    const Access& access = AccessOf(*rpc);
    EXPECT_TRUE(access.anyone() || access.user() || access.staff() || access.has_services())
        << rpc->full_name();
    for (const std::string& name : access.services().names()) {
      const auto& services = Stack::Services();
      EXPECT_NE(std::find(services.begin(), services.end(), name), services.end())
          << rpc->full_name() << " names " << name;
      EXPECT_NE(name, "gateway") << rpc->full_name();
    }
  }
}

TEST(AccessDeclarations, RpcsBetweenServicesHaveNoRoute) {
  for (const MethodDescriptor* rpc : PlaylogRpcs()) {
    if (!AccessOf(*rpc).has_services()) continue;
    EXPECT_FALSE(rpc->options().HasExtension(google::api::http)) << rpc->full_name();
  }
}

// Tries to connect to a Unix socket as another user of the machine; 0 or the reason why not.
int ConnectAsNobody(const std::string& path) {
  constexpr uid_t kNobody = 65534;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const pid_t child = fork();
  if (child == 0) {
    // Between fork and _exit nothing but system calls: other threads of the parent had locks.
    if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(255);
    const int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    const int result =
        connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    _exit(result == 0 ? 0 : errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

using SocketAccessTest = EndToEndTest;

TEST_F(SocketAccessTest, NoOtherUserOfTheMachineReachesASocket) {
  struct stat directory {};
  ASSERT_EQ(stat(stack().directory().c_str(), &directory), 0);
  EXPECT_EQ(directory.st_mode & 0777, 0700u);
  EXPECT_EQ(directory.st_uid, geteuid());
  for (const char* server : {"auth", "song_store", "spotify_ingest", "lastfm_ingest"}) {
    struct stat socket_file {};
    ASSERT_EQ(stat(stack().SocketOf(server).c_str(), &socket_file), 0);
    EXPECT_EQ(socket_file.st_mode & 0077, 0u) << server;
    // Only root can become somebody else to try.
    EXPECT_TRUE(geteuid() != 0 || ConnectAsNobody(stack().SocketOf(server)) == EACCES) << server;
  }
}

}  // namespace
}  // namespace playlog::harness
