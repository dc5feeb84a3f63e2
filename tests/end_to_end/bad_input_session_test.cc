// Rows of the layer JWT about tokens that were good once: of a sign-in that has been ended, of a
// user who is gone, and of a key that is no longer in use.

#include <gmock/gmock.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"
#include "common/jwt/jwt.h"
#include "common/jwt/testing.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

// A token that has been revoked ends within this, wherever it is shown.
constexpr absl::Duration kRevocationTime = absl::Seconds(5);
// The key file is looked at every second, and the keys are asked for every second.
constexpr absl::Duration kKeyTime = absl::Seconds(20);

class BadSessionTest : public BadInputTest {
 protected:
  // Another sign-in of the user.
  static User SignInAgain(const User& user) {
    const HttpAnswer answer = SignIn(user.name, user.password);
    EXPECT_EQ(answer.status, 200) << answer.body;
    User again = user;
    again.access = Member(answer.body, "access");
    again.refresh = Member(answer.body, "refresh");
    return again;
  }
  static HttpAnswer SignIn(const std::string& name, const std::string& password) {
    return api().Post("/users/token/", absl::StrCat("{\"username\":", Quoted(name),
                                                    ",\"password\":", Quoted(password), "}"));
  }
  static HttpAnswer Refresh(const std::string& token) {
    return api().Post("/users/token/refresh/", absl::StrCat("{\"refresh\":", Quoted(token), "}"));
  }
  static HttpAnswer Logout(const User& user, const std::string& body) {
    return api().Post("/users/logout/", body, user.access);
  }
  static HttpAnswer ChangePassword(const User& user, const std::string& old_password,
                                   const std::string& new_password) {
    return api().Post(
        "/users/password/",
        absl::StrCat("{\"old\":", Quoted(old_password), ",\"new\":", Quoted(new_password), "}"),
        user.access);
  }

  // Whether the gateway itself lets the token through: it looks at tokens before parameters.
  static bool GatewayTrusts(const std::string& access) {
    const HttpAnswer answer = api().Get("/music/get-stored-songs/?nonsense=1", access);
    EXPECT_THAT(answer.status, ::testing::AnyOf(400, 401)) << answer.body;
    return answer.status == 400;
  }
  static void ExpectGood(const User& user) {
    EXPECT_TRUE(GatewayTrusts(user.access));
    EXPECT_EQ(api().Get("/users/me/", user.access).status, 200);
    EXPECT_EQ(api().StoredSongs(user).status, 200);
  }
  // Auth ends the tokens of a sign-in at once, the gateway soon after.
  static void ExpectEnded(const User& user) {
    ExpectError(api().Get("/users/me/", user.access), 401, "INVALID_TOKEN");
    EXPECT_TRUE(Await(kRevocationTime, [&] { return !GatewayTrusts(user.access); }));
    ExpectError(api().StoredSongs(user), 401, "INVALID_TOKEN");
    ExpectError(Refresh(user.refresh), 401, "INVALID_TOKEN");
  }
};

TEST_F(BadSessionTest, T25LogoutEndsTheTokensOfOneSignIn) {
  const User here = api().NewUser();
  const User elsewhere = SignInAgain(here);
  ExpectGood(here);
  const HttpAnswer answer = Logout(here, "{}");
  EXPECT_EQ(answer.status, 204) << answer.body;
  EXPECT_EQ(answer.body, "");
  ExpectEnded(here);
  ExpectGood(elsewhere);
  ExpectGood(SignInAgain(here));
}

TEST_F(BadSessionTest, T25LogoutOfAllEndsEveryToken) {
  const User here = api().NewUser();
  const User elsewhere = SignInAgain(here);
  ExpectGood(elsewhere);
  EXPECT_EQ(Logout(here, R"({"all":true})").status, 204);
  ExpectEnded(here);
  ExpectEnded(elsewhere);
  ExpectGood(SignInAgain(here));
  ExpectGood(Sender());
}

TEST_F(BadSessionTest, T25AChangeOfThePasswordEndsEveryOtherToken) {
  const User here = api().NewUser();
  const User elsewhere = SignInAgain(here);
  ExpectGood(elsewhere);
  ExpectError(ChangePassword(here, "not the password", "otter 9 lanterns"), 401,
              "INVALID_CREDENTIALS");
  ExpectError(ChangePassword(here, here.password, "password1"), 400, "WEAK_PASSWORD");
  ExpectError(ChangePassword(here, here.password, "short"), 400, "INVALID_FIELD");
  ExpectGood(elsewhere);
  const HttpAnswer answer = ChangePassword(here, here.password, "otter 9 lanterns");
  EXPECT_EQ(answer.status, 204) << answer.body;
  ExpectEnded(elsewhere);
  ExpectGood(here);
  EXPECT_EQ(Refresh(here.refresh).status, 200);
  ExpectError(SignIn(here.name, here.password), 401, "INVALID_CREDENTIALS");
  EXPECT_EQ(SignIn(here.name, "otter 9 lanterns").status, 200);
}

TEST_F(BadSessionTest, T31ASpentRefreshTokenEndsTheAccessTokensOfItsSignIn) {
  User user = api().NewUser();
  const User elsewhere = SignInAgain(user);
  const HttpAnswer next = Refresh(user.refresh);
  ASSERT_EQ(next.status, 200);
  ExpectGood(user);
  ExpectError(Refresh(user.refresh), 401, "INVALID_TOKEN");
  ExpectEnded(user);
  user.access = Member(next.body, "access");
  user.refresh = Member(next.body, "refresh");
  ExpectEnded(user);
  ExpectGood(elsewhere);
}

TEST_F(BadSessionTest, T25TheTokensOfADeletedUserEnd) {
  const User here = api().NewUser();
  const User elsewhere = SignInAgain(here);
  ExpectGood(elsewhere);
  EXPECT_EQ(api().Delete("/users/me/", here.access).status, 204);
  ExpectEnded(here);
  ExpectEnded(elsewhere);
}

// The file of signing keys, put back as it was at the end.
class KeyFile {
 public:
  explicit KeyFile(std::string path) : path_(std::move(path)), original_(ReadFile(path_)) {}
  ~KeyFile() { Write(original_); }
  const std::string& original() const { return original_; }
  void Write(const std::string& contents) const {
    testing::WriteSecretFile(path_ + ".new", contents);
    EXPECT_EQ(std::rename((path_ + ".new").c_str(), path_.c_str()), 0);
  }

 private:
  const std::string path_;
  const std::string original_;
};

class BadKeyTest : public BadSessionTest {
 protected:
  static std::string KidOf(const std::string& access) {
    const std::vector<std::string> parts = absl::StrSplit(access, '.');
    return Member(*Base64UrlDecode(parts[0]), "kid");
  }
  // The user's token with the signature of another key.
  static std::string SignedWith(const jwt::SigningKey& key, const std::string& access) {
    const std::vector<std::string> parts = absl::StrSplit(access, '.');
    return *key.SignParts(
        absl::StrCat(R"({"alg":"ES256","typ":"at+jwt","kid":")", key.public_key().kid, R"("})"),
        *Base64UrlDecode(parts[1]));
  }
  static bool EveryServiceTrusts(const std::string& access) {
    User user;
    user.access = access;
    return GatewayTrusts(access) && api().Get("/users/me/", access).status == 200 &&
           api().StoredSongs(user).status == 200;
  }
};

TEST_F(BadKeyTest, T26TheKeyBeforeIsGoodWhileItIsListedAndNoLonger) {
  const User user = api().NewUser();
  const std::string new_pem = jwt::NewPrivateKeyPem();
  const jwt::SigningKey new_key = *jwt::SigningKey::FromPem(new_pem);
  const std::string early = SignedWith(new_key, user.access);
  EXPECT_FALSE(GatewayTrusts(early));
  const KeyFile file(stack().directory() + "/token_key.pem");
  // Published.
  file.Write(file.original() + new_pem);
  EXPECT_TRUE(Await(kKeyTime, [&] { return EveryServiceTrusts(early); }));
  EXPECT_NE(KidOf(SignInAgain(user).access), new_key.public_key().kid);
  // Promoted; the one before is in its grace.
  file.Write(new_pem + file.original());
  User after = user;
  EXPECT_TRUE(Await(kKeyTime, [&] {
    after = SignInAgain(user);
    return KidOf(after.access) == new_key.public_key().kid;
  }));
  EXPECT_TRUE(EveryServiceTrusts(after.access));
  EXPECT_TRUE(EveryServiceTrusts(user.access));
  // Retired.
  file.Write(new_pem);
  EXPECT_TRUE(Await(kKeyTime, [&] { return !GatewayTrusts(user.access); }));
  ExpectError(api().Get("/users/me/", user.access), 401, "INVALID_TOKEN");
  EXPECT_TRUE(EveryServiceTrusts(after.access));
  // Back to where it began, for the tests that follow.
  file.Write(file.original());
  EXPECT_TRUE(Await(kKeyTime, [&] { return EveryServiceTrusts(user.access); }));
  EXPECT_FALSE(GatewayTrusts(after.access));
}

TEST_F(BadKeyTest, T26ABadKeyFileChangesNothing) {
  const User user = api().NewUser();
  const KeyFile file(stack().directory() + "/token_key.pem");
  std::size_t position = 0;
  stack().LogLines("auth", position);
  file.Write("secret");
  int refusals = 0;
  EXPECT_TRUE(Await(kKeyTime, [&] {
    for (const std::string& line : stack().LogLines("auth", position)) {
      refusals += CountOf(line, "token_key_file_refused");
    }
    return refusals > 0;
  }));
  EXPECT_EQ(refusals, 1);
  EXPECT_TRUE(EveryServiceTrusts(user.access));
  EXPECT_EQ(KidOf(SignInAgain(user).access), KidOf(user.access));
}

}  // namespace
}  // namespace playlog::harness
