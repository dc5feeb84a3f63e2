#include "common/rpc/policy.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/testing/matchers.h"

namespace playlog::rpc {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;

constexpr const char* kServices[] = {"gateway",       "auth",     "spotify_ingest",
                                     "lastfm_ingest", "operator", "song_store"};

TEST(CheckPeer, DeniesEverybodyWhatDeclaresNothing) {
  MethodPolicy policy;
  policy.name = "playlog.example.v1.ExampleService/Undeclared";
  for (const char* service : kServices) {
    EXPECT_THAT(CheckPeer(policy, service), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED))
        << service;
  }
  EXPECT_FALSE(NeedsUser(policy));
}

TEST(CheckPeer, DeniesWhatIsDeclaredToBeForNobody) {
  MethodPolicy policy;
  policy.access.set_anyone(false);
  EXPECT_THAT(CheckPeer(policy, "gateway"), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
  policy.access.set_user(false);
  EXPECT_THAT(CheckPeer(policy, "gateway"), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
}

TEST(CheckPeer, LetsInTheServicesThatAreNamedAlone) {
  MethodPolicy policy;
  policy.access.mutable_services()->add_names("spotify_ingest");
  for (const std::string service : kServices) {
    EXPECT_EQ(CheckPeer(policy, service).ok(), service == "spotify_ingest") << service;
  }
}

TEST(CheckPeer, LetsNobodyInWithoutACertificate) {
  MethodPolicy policy;
  policy.access.set_anyone(true);
  EXPECT_THAT(CheckPeer(policy, "gateway"), IsOk());
  EXPECT_THAT(CheckPeer(policy, ""), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
  policy.access.mutable_services();
  EXPECT_THAT(CheckPeer(policy, "gateway"), IsOk());
  EXPECT_THAT(CheckPeer(policy, ""), ErrorIs(errors::v1::ERROR_CODE_PERMISSION_DENIED));
}

}  // namespace
}  // namespace playlog::rpc
