#include "services/gateway/identity.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "services/gateway/neighbours.h"

namespace playlog::gateway {
namespace {

using playlog::testing::ErrorIs;
using playlog::testing::IsOk;
using playlog::testing::IsOkAndHolds;
using playlog::testing::StatusIs;

HttpRequest RequestWith(HttpHeaders headers) {
  HttpRequest request;
  request.headers = std::move(headers);
  return request;
}

TEST(BearerToken, IsTakenWithItsSchemeInAnyCase) {
  EXPECT_THAT(BearerToken(RequestWith({{"authorization", "Bearer abc"}})), IsOkAndHolds("abc"));
  EXPECT_THAT(BearerToken(RequestWith({{"authorization", "bEARER abc"}})), IsOkAndHolds("abc"));
}

TEST(BearerToken, IsAskedForWhereItIsMissing) {
  EXPECT_THAT(BearerToken(RequestWith({})),
              ErrorIs(errors::v1::ERROR_CODE_AUTHENTICATION_REQUIRED));
}

TEST(BearerToken, IsRefusedInAnyOtherForm) {
  for (const char* value : {"Basic abc", "Bearer", "Bearer ", "Bearerx", "Token x", ""}) {
    EXPECT_THAT(BearerToken(RequestWith({{"authorization", value}})),
                ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN))
        << value;
  }
  EXPECT_THAT(
      BearerToken(RequestWith({{"authorization", "Bearer a"}, {"authorization", "Bearer b"}})),
      ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(BearerToken(RequestWith({{"authorization", "Bearer " + std::string(9000, 'x')}})),
              ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST(Identity, LetsNobodyThroughWhileTheKeysAreUnknown) {
  rpc::CachingTokenVerifier verifier(
      []() -> absl::StatusOr<jwt::PublicKeys> { return absl::UnavailableError("away"); },
      Clock::System());
  Identity identity(verifier);
  Route route;
  route.caller = Caller::kUser;
  EXPECT_THAT(identity.Admit(route, RequestWith({{"authorization", "Bearer abc"}})),
              ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  route.caller = Caller::kAnyone;
  EXPECT_EQ(identity.Admit(route, RequestWith({})).value().token, "");
}

TEST(ParseNeighbours, ReadsNamesAndAddresses) {
  const auto addresses =
      ParseNeighbours({"auth=unix:/run/a=b", "song_store=dns:///song-store:50051"});
  ASSERT_THAT(addresses, IsOk());
  EXPECT_EQ(addresses->at("auth"), "unix:/run/a=b");
  EXPECT_EQ(addresses->at("song_store"), "dns:///song-store:50051");
}

TEST(ParseNeighbours, RefusesAnythingElse) {
  for (const std::vector<std::string>& values :
       {std::vector<std::string>{"auth"}, {"=x"}, {"auth="}, {"a=1", "a=2"}, {""}}) {
    EXPECT_THAT(ParseNeighbours(values), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(Neighbours, MustIncludeWhoeverServesARoute) {
  const auto router = Router::Create(*PlaylogServices());
  ASSERT_THAT(router, IsOk());
  const auto connect = [](const std::string&, const std::string&) {
    return std::shared_ptr<grpc::Channel>();
  };
  EXPECT_THAT(Neighbours::Create({{"auth", "unix:/a"}}, **router, connect),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace playlog::gateway
