#include "services/auth/signing_key_service.h"

#include <gtest/gtest.h>

#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;

TEST(SigningKeyService, PublishesKeysThatVerifyWhatWasSigned) {
  ServiceFixture parts;
  SigningKeyService service({parts.access_tokens.public_key(), jwt::NewSigningKey().public_key()},
                            parts.dispatcher);
  rpc::Call call;
  const auto published = service.GetSigningKeys(call, {});
  ASSERT_THAT(published, IsOk());
  ASSERT_EQ(published->keys_size(), 2);
  std::vector<jwt::PublicKey> keys;
  for (const auto& key : published->keys()) keys.push_back({key.kid(), key.x(), key.y()});
  User user;
  user.id = 5;
  EXPECT_THAT(jwt::Verify(*parts.access_tokens.Issue(user), *jwt::PublicKeys::Create(keys),
                          parts.clock.Now()),
              IsOk());
}

}  // namespace
}  // namespace playlog::auth
