// Rows of the layer JWT about signing in, and about secrets that a service must not start with.

#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

class BadSignInTest : public BadInputTest {
 protected:
  static std::string SignInText(const std::string& name, const std::string& password) {
    return RequestText(
        "POST", "/users/token/", "",
        absl::StrCat("{\"username\":", Quoted(name), ",\"password\":", Quoted(password), "}"));
  }
  static HttpAnswer SendFrom(const std::string& address, const std::string& request) {
    HttpConnection connection(stack().http_port(), address);
    connection.Send(request);
    return connection.Read();
  }
};

absl::Duration Median(std::vector<absl::Duration> durations) {
  std::nth_element(durations.begin(), durations.begin() + durations.size() / 2, durations.end());
  return durations[durations.size() / 2];
}

// Up to 200 tries of each kind, side by side; the medians come close with ever more tries if the
// work is the same, and never do if it is not.
TEST_F(BadSignInTest, T34AnUnknownUserTakesAsLongAsAWrongPassword) {
  std::vector<User> users;
  std::vector<absl::Duration> unknown;
  std::vector<absl::Duration> wrong;
  double difference = 1;
  for (int round = 0; round < 10 && difference >= 0.05; ++round) {
    // Only so many failures of one account are let through.
    users.clear();
    for (int i = 0; i < 5; ++i) users.push_back(api().NewUser());
    for (int i = 0; i < 20; ++i) {
      const std::string& name = users[static_cast<std::size_t>(i % 5)].name;
      // So many failures of one address would be throttled.
      const std::string address = absl::StrCat("127.0.", 1 + round, ".", 1 + i);
      const HttpAnswer answers[] = {
          SendFrom(address, SignInText(name, "not the password")),
          SendFrom(address,
                   SignInText(absl::StrCat("nobody-", round, "-", i % 5), "not the password"))};
      for (const HttpAnswer& answer : answers) ExpectError(answer, 401, "INVALID_CREDENTIALS");
      EXPECT_EQ(Member(answers[0].body, "error"), Member(answers[1].body, "error"));
      EXPECT_EQ(Member(answers[0].body, "detail"), Member(answers[1].body, "detail"));
      wrong.push_back(answers[0].duration);
      unknown.push_back(answers[1].duration);
    }
    difference = std::abs(absl::FDivDuration(Median(unknown), Median(wrong)) - 1);
  }
  EXPECT_LT(difference, 0.05) << Median(unknown) << " for an unknown user, " << Median(wrong)
                              << " for a wrong password";
}

TEST_F(BadSignInTest, T35TheEleventhFailureOfAnAccountWaitsWhereverItComesFrom) {
  const User user = api().NewUser();
  for (int i = 1; i <= 11; ++i) {
    const HttpAnswer answer =
        SendFrom(absl::StrCat("127.0.0.", 20 + i), SignInText(user.name, "not the password"));
    if (i <= 10) {
      ExpectError(answer, 401, "INVALID_CREDENTIALS");
    } else {
      ExpectError(answer, 429, "RATE_LIMITED");
    }
  }
  EXPECT_EQ(api().Get("/users/me/", user.access).status, 200);
}

TEST_F(BadSignInTest, T35TheHundredAndFirstFailureOfAnAddressWaitsWhateverTheAccount) {
  const User user = api().NewUser();
  // Far from the addresses of the other tests, whose failures count too.
  constexpr char kAddress[] = "127.1.35.1";
  for (int i = 1; i <= 101; ++i) {
    // A password of a length that nobody has costs no hash.
    const HttpAnswer answer =
        SendFrom(kAddress, SignInText(absl::StrCat("stuffed-", user.name, "-", i), "short"));
    if (i <= 100) {
      ExpectError(answer, 401, "INVALID_CREDENTIALS");
    } else {
      ExpectError(answer, 429, "RATE_LIMITED");
    }
  }
  ExpectError(SendFrom(kAddress, SignInText(user.name, user.password)), 429, "RATE_LIMITED");
  EXPECT_EQ(SendFrom("127.1.35.2", SignInText(user.name, user.password)).status, 200);
  EXPECT_EQ(api().Get("/users/me/", user.access).status, 200);
}

TEST_F(BadSignInTest, T36AuthDoesNotStartWithABadSecret) {
  struct Row {
    std::string what;
    std::string flag;
    std::string contents;
  };
  const std::string ring = stack().directory() + "/key_encryption_key.json";
  const std::vector<Row> rows = {
      {"no signing key", "token_key_file", ""},
      {"a word as signing key", "token_key_file", "secret"},
      {"31 bytes as signing key", "token_key_file", std::string(31, 'k')},
      {"the ring as signing key", "token_key_file", ReadFile(ring)},
      {"no ring", "key_encryption_key_file", ""},
      {"a key of 31 bytes in the ring", "key_encryption_key_file",
       absl::StrCat(R"({"primary":1,"keys":[{"id":1,"key":")",
                    absl::Base64Escape(std::string(31, 'k')), R"("}]})")},
      {"a ring without its primary", "key_encryption_key_file",
       absl::StrCat(R"({"primary":2,"keys":[{"id":1,"key":")",
                    absl::Base64Escape(std::string(32, 'k')), R"("}]})")}};
  int number = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const std::string path = absl::StrCat(stack().directory(), "/bad_secret_", ++number);
    if (!row.contents.empty()) testing::WriteSecretFile(path, row.contents);
    const Finished finished =
        stack().RunApart("auth", {absl::StrCat("--", row.flag, "=", path),
                                  absl::StrCat("--listen_address=unix:", path, ".sock")});
    EXPECT_EQ(finished.exit_code, 78) << finished.errors;
    EXPECT_EQ(CountOf(finished.errors, "\n"), 1) << finished.errors;
    EXPECT_THAT(finished.errors, ::testing::Not(::testing::HasSubstr("kkkk")));
  }
  ExpectStillGood();
}

}  // namespace
}  // namespace playlog::harness
