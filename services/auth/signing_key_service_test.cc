#include "services/auth/signing_key_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/testing/matchers.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::testing::ElementsAre;

class SigningKeyServiceTest : public ::testing::Test {
 protected:
  std::vector<jwt::PublicKey> Published() {
    rpc::Call call;
    const auto published = service_.GetSigningKeys(call, {});
    EXPECT_THAT(published, IsOk());
    std::vector<jwt::PublicKey> keys;
    for (const auto& key : published->keys()) keys.push_back({key.kid(), key.x(), key.y()});
    return keys;
  }

  ServiceFixture parts_;
  SigningKeyService service_{parts_.access_tokens, parts_.dispatcher};
};

TEST_F(SigningKeyServiceTest, PublishesKeysThatVerifyWhatWasSigned) {
  User user;
  user.id = 5;
  EXPECT_THAT(jwt::Verify(*parts_.access_tokens.Issue(user, 6),
                          *jwt::PublicKeys::Create(Published()), parts_.clock.Now()),
              IsOk());
}

TEST_F(SigningKeyServiceTest, PublishesTheKeysOfTheTimeTheOneThatSignsFirst) {
  const jwt::SigningKey first = jwt::NewSigningKey();
  const jwt::SigningKey second = jwt::NewSigningKey();
  parts_.access_tokens.Replace({first, second});
  std::vector<std::string> kids;
  for (const jwt::PublicKey& key : Published()) kids.push_back(key.kid);
  EXPECT_THAT(kids, ElementsAre(first.public_key().kid, second.public_key().kid));
}

}  // namespace
}  // namespace playlog::auth
