// The corpus's layer JWT: forged, worn out and misplaced tokens. The forgeries are signed with the
// system's own key, so that nothing but the fault in question is wrong with them.

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <map>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"
#include "common/jwt/jwt.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

constexpr char kHeader[] = R"({"alg":"ES256","typ":"at+jwt","kid":"KID"})";

class BadTokenTest : public BadInputTest {
 protected:
  static const jwt::SigningKey& Key() {
    static const jwt::SigningKey& key = *new jwt::SigningKey(
        *jwt::SigningKey::FromPem(ReadFile(stack().directory() + "/token_key.pem")));
    return key;
  }

  // The payload of the sender's own token, with texts replaced.
  static std::string Payload(const std::map<std::string, std::string>& replacements = {}) {
    const std::vector<std::string> parts = absl::StrSplit(Sender().access, '.');
    return absl::StrReplaceAll(*Base64UrlDecode(parts[1]), replacements);
  }
  static std::string Sub() { return absl::StrCat("\"sub\":\"", Sender().id, "\""); }
  // The payload with another text in place of a number that follows a name.
  static std::string WithNumber(const std::string& name, const std::string& value) {
    std::string payload = Payload();
    const std::size_t place = payload.find("\"" + name + "\":") + name.size() + 3;
    return payload.replace(place, payload.find_first_of(",}", place) - place, value);
  }
  static std::string Without(const std::string& name) {
    std::string payload = Payload();
    const std::size_t place = payload.find("\"" + name + "\":");
    const std::size_t end = payload.find_first_of(",}", place);
    return payload.erase(place, end - place + (payload[end] == ',' ? 1 : 0));
  }

  static std::string Sign(const std::string& header, const std::string& payload) {
    const auto token =
        Key().SignParts(absl::StrReplaceAll(header, {{"KID", Key().public_key().kid}}), payload);
    EXPECT_TRUE(token.ok());
    return token.value_or("");
  }
  static std::string SignPayload(const std::string& payload) { return Sign(kHeader, payload); }
  static std::string SignHeader(const std::string& header) { return Sign(header, Payload()); }

  static void ExpectRefused(const std::string& token) {
    SCOPED_TRACE(token.substr(0, 100));
    ExpectError(api().Get("/users/me/", token), 401, "INVALID_TOKEN");
  }
  static HttpAnswer GetWith(const std::string& authorization) {
    return Exchange(stack().http_port(),
                    RequestText("GET", "/users/me/", "", "", authorization + "\r\n"));
  }
  static HttpAnswer Refresh(const std::string& token) {
    return api().Post("/users/token/refresh/", absl::StrCat("{\"refresh\":", Quoted(token), "}"));
  }
};

TEST_F(BadTokenTest, TheForgersOwnTokenIsGood) {
  EXPECT_EQ(api().Get("/users/me/", SignPayload(Payload())).status, 200);
}

TEST_F(BadTokenTest, T01T02T03TheSchemeIsBearerInAnyCase) {
  ExpectError(api().Get("/users/me/"), 401, "AUTHENTICATION_REQUIRED");
  const std::string token = Sender().access;
  for (const std::string& value :
       {std::string("Basic abc"), std::string("Bearer"), "Bearer" + token, "Bearer  " + token,
        "Token " + token, "Bearer " + token + " " + token, "Bearer " + token + ","}) {
    SCOPED_TRACE(value.substr(0, 30));
    ExpectError(GetWith("Authorization: " + value), 401, "INVALID_TOKEN");
  }
  EXPECT_EQ(GetWith("Authorization: bearer " + token).status, 200);
}

TEST_F(BadTokenTest, T05T17TheHeaderIsComparedNotObeyed) {
  for (const char* alg : {R"("none")", R"("None")", R"("nOnE")", R"("")", "null", "1",
                          R"(["HS256"])", R"("es256")", R"("RS256")", R"("ES384")"}) {
    ExpectRefused(SignHeader(absl::StrCat(R"({"alg":)", alg, R"(,"typ":"at+jwt","kid":"KID"})")));
  }
  ExpectRefused(SignHeader(R"({"typ":"at+jwt","kid":"KID"})"));
  for (const char* typ : {R"("JWT")", R"("rt+jwt")", "null", R"("")"}) {
    ExpectRefused(SignHeader(absl::StrCat(R"({"alg":"ES256","typ":)", typ, R"(,"kid":"KID"})")));
  }
  ExpectRefused(SignHeader(R"({"alg":"ES256","kid":"KID"})"));
  ExpectRefused(SignHeader(R"({"alg":"ES256","typ":"at+jwt","kid":"KID","crit":["exp"]})"));
}

TEST_F(BadTokenTest, T06T07APublicKeyIsNoSecret) {
  const jwt::PublicKey& key = Key().public_key();
  for (const auto& [algorithm, digest] :
       std::map<std::string, const EVP_MD*>{{"HS256", EVP_sha256()}, {"HS512", EVP_sha512()}}) {
    for (const std::string& secret :
         {key.x + key.y, *Base64UrlDecode(key.x) + *Base64UrlDecode(key.y)}) {
      const std::string text = absl::StrCat(
          Base64UrlEncode(absl::StrCat(R"({"alg":")", algorithm, R"(","typ":"at+jwt","kid":")",
                                       key.kid, R"("})")),
          ".", Base64UrlEncode(Payload()));
      unsigned char mac[EVP_MAX_MD_SIZE];
      unsigned length = 0;
      HMAC(digest, secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &length);
      ExpectRefused(text + "." + Base64UrlEncode({reinterpret_cast<const char*>(mac), length}));
    }
  }
}

TEST_F(BadTokenTest, T08ATokenHasThreePartsAndEveryBitOfThemCounts) {
  const std::string token = SignPayload(Payload());
  const std::size_t last_dot = token.rfind('.');
  ExpectRefused(token.substr(0, last_dot + 1));
  ExpectRefused(token.substr(0, last_dot));
  ExpectRefused(token + ".");
  ExpectRefused(token + "=");
  ExpectRefused("..");
  for (std::size_t place = 0; place < token.size(); place += 3) {
    std::string flipped = token;
    flipped[place] = flipped[place] == 'B' ? 'C' : 'B';
    if (flipped != token) ExpectRefused(flipped);
  }
}

TEST_F(BadTokenTest, T13ThePayloadIsOneStrictObject) {
  for (const std::string& payload : {std::string("[]"), std::string("null"), std::string("\"x\""),
                                     std::string(""), "\xEF\xBB\xBF" + Payload(), Payload() + "{}",
                                     Payload({{Sub(), absl::StrCat(Sub(), ",\"sub\":\"999\"")}})}) {
    ExpectRefused(SignPayload(payload));
  }
}

TEST_F(BadTokenTest, T14AnUnknownKeyIdIsRefused) {
  for (const std::string& kid :
       {std::string(R"("unknown")"), std::string(R"("../../dev/null")"), std::string("1"),
        std::string(R"("' OR 1=1")"), std::string("null"), "\"" + std::string(4000, 'k') + "\""}) {
    ExpectRefused(SignHeader(absl::StrCat(R"({"alg":"ES256","typ":"at+jwt","kid":)", kid, "}")));
  }
}

TEST_F(BadTokenTest, T18AnAccessTokenRefreshesNothing) {
  ExpectError(Refresh(Sender().access), 401, "INVALID_TOKEN");
  ExpectRefused(Sender().refresh);
}

TEST_F(BadTokenTest, T19T28TheTimesAreCheckedWithoutLeeway) {
  const std::int64_t now = absl::ToUnixSeconds(absl::Now());
  const auto times = [](std::int64_t issued, std::int64_t expires) {
    std::string payload = Payload();
    for (const auto& [name, value] :
         std::map<std::string, std::int64_t>{{"iat", issued}, {"nbf", issued}, {"exp", expires}}) {
      const std::size_t place = payload.find("\"" + name + "\":") + name.size() + 3;
      payload.replace(place, payload.find_first_of(",}", place) - place, absl::StrCat(value));
    }
    return SignPayload(payload);
  };
  ExpectRefused(SignPayload(Without("exp")));
  ExpectRefused(times(now - 600, now - 1));
  ExpectRefused(times(now - 5000, now - 4500));
  EXPECT_EQ(api().Get("/users/me/", times(now - 600, now + 30)).status, 200);
  ExpectRefused(times(now - 60, now + 10 * 365 * 86400));
  ExpectRefused(times(now + 60, now + 120));
}

TEST_F(BadTokenTest, T20TheExpiryIsAWholeNumber) {
  for (const char* value :
       {"\"123\"", "1e400", "-1", "9223372036854775808", "1.5", "null", "[1]", "1e30"}) {
    ExpectRefused(SignPayload(WithNumber("exp", value)));
  }
}

TEST_F(BadTokenTest, T23TheSubjectIsAUsersIdAsText) {
  for (const char* sub : {"", R"("sub":"")", R"("sub":"0")", R"("sub":"1 ")", R"("sub":"1\u0000")",
                          R"("sub":1)", R"("sub":"-1")", R"("sub":"+1")", R"("sub":"01")",
                          R"("sub":"8a6e0804-2bd0-4672-b79d-d97027f9071a")"}) {
    ExpectRefused(SignPayload(*sub == '\0' ? Without("sub") : Payload({{Sub(), sub}})));
  }
  const std::string nobody = SignPayload(Payload({{Sub(), R"("sub":"987654321")"}}));
  EXPECT_EQ(api().Get("/users/me/", nobody).status / 100, 4);
}

TEST_F(BadTokenTest, T25ATokenNamesTheSignInThatItComesFrom) {
  ExpectRefused(SignPayload(Without("sid")));
  for (const char* value : {"0", "-1", "\"1\"", "1.5", "null", "9223372036854775808"}) {
    ExpectRefused(SignPayload(WithNumber("sid", value)));
  }
  // Auth looks whose sign-in it is.
  ExpectRefused(SignPayload(WithNumber("sid", "987654321")));
}

TEST_F(BadTokenTest, T27TheSizeHasALimit) {
  ExpectRefused(std::string(7000, 'a'));
  ExpectError(GetWith("Authorization: Bearer " + std::string(16 * 1024, 'a')), 431,
              "HEADER_TOO_LARGE");
}

TEST_F(BadTokenTest, T29AUserReachesNothingOfAnother) {
  const User owner = api().NewUser();
  ASSERT_EQ(api().StoreSpotifyToken(owner, "owned-" + owner.name).status, 201);
  ASSERT_EQ(api().FetchSpotify(owner).status, 200);
  ExpectError(api().Delete("/users/api-keys/spotify/", Sender().access), 404, "NOT_FOUND");
  EXPECT_EQ(api().StoredSongs(Sender(), "?source=spotify").body, R"({"results":[]})");
  EXPECT_EQ(CountElements(api().StoredSongs(owner).body, "results"), 50);
}

TEST_F(BadTokenTest, T31ASpentRefreshTokenRevokesItsFamily) {
  const User user = api().NewUser();
  const std::string next = Member(Refresh(user.refresh).body, "refresh");
  ASSERT_NE(next, "");
  ExpectError(Refresh(user.refresh), 401, "INVALID_TOKEN");
  ExpectError(Refresh(next), 401, "INVALID_TOKEN");
}

TEST_F(BadTokenTest, T32OfManyUsesAtOnceOneSucceeds) {
  const User user = api().NewUser();
  HttpAnswer answers[20];
  std::vector<std::thread> threads;
  for (HttpAnswer& answer : answers) {
    threads.emplace_back([&] { answer = Refresh(user.refresh); });
  }
  for (std::thread& thread : threads) thread.join();
  std::string winner;
  for (const HttpAnswer& answer : answers) {
    if (answer.status != 200) {
      ExpectError(answer, 401, "INVALID_TOKEN");
      continue;
    }
    EXPECT_EQ(winner, "");
    winner = Member(answer.body, "refresh");
  }
  EXPECT_NE(winner, "");
  ExpectError(Refresh(winner), 401, "INVALID_TOKEN");
}

}  // namespace
}  // namespace playlog::harness
