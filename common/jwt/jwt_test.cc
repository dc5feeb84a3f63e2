#include "common/jwt/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"
#include "common/jwt/testing.h"
#include "common/testing/matchers.h"

namespace playlog::jwt {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;
using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class JwtTest : public ::testing::Test {
 protected:
  absl::StatusOr<Claims> VerifyAt(const std::string& token, absl::Time now = kNow) {
    return Verify(token, keys_, now);
  }

  Claims GoodClaims() const {
    return {.user_id = 42,
            .token_id = "Zm9v_-1",
            .token_version = 3,
            .session_id = 77,
            .staff = false,
            .issued_at = kNow - absl::Minutes(1),
            .expires_at = kNow + absl::Minutes(14)};
  }

  std::string GoodHeader() const {
    return absl::StrCat(R"({"alg":"ES256","typ":"at+jwt","kid":")", key_.public_key().kid, R"("})");
  }
  std::string GoodPayload() const {
    return R"({"iss":"playlog","aud":"playlog-api","sub":"42","exp":1700000900,"iat":1700000000,)"
           R"("nbf":1700000000,"jti":"abc","tv":0,"sid":7})";
  }

  // Signs the good header or payload after one replacement, which must have changed something.
  std::string WithHeader(const std::string& from, const std::string& to) {
    const std::string header = absl::StrReplaceAll(GoodHeader(), {{from, to}});
    EXPECT_NE(header, GoodHeader());
    return *key_.SignParts(header, GoodPayload());
  }
  std::string WithPayload(const std::string& from, const std::string& to) {
    const std::string payload = absl::StrReplaceAll(GoodPayload(), {{from, to}});
    EXPECT_NE(payload, GoodPayload()) << from;
    return *key_.SignParts(GoodHeader(), payload);
  }

  void ExpectRefused(const std::string& token, absl::Time now = kNow) {
    const absl::StatusOr<Claims> claims = VerifyAt(token, now);
    EXPECT_THAT(claims, ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN)) << token.substr(0, 400);
    EXPECT_EQ(claims.status().message(), "Invalid token");
    EXPECT_EQ(claims.status(), InvalidTokenError());
  }

  SigningKey key_ = NewSigningKey();
  PublicKeys keys_ = *PublicKeys::Create({key_.public_key()});
};

TEST_F(JwtTest, AcceptsWhatWasSigned) {
  const absl::StatusOr<std::string> token = key_.Sign(GoodClaims());
  ASSERT_THAT(token, IsOk());
  const absl::StatusOr<Claims> claims = VerifyAt(*token);
  ASSERT_THAT(claims, IsOk());
  EXPECT_EQ(claims->user_id, 42);
  EXPECT_EQ(claims->token_id, "Zm9v_-1");
  EXPECT_EQ(claims->token_version, 3);
  EXPECT_EQ(claims->session_id, 77);
  EXPECT_FALSE(claims->staff);
  EXPECT_EQ(claims->issued_at, GoodClaims().issued_at);
  EXPECT_EQ(claims->expires_at, GoodClaims().expires_at);
}

TEST_F(JwtTest, CarriesTheStaffRole) {
  Claims claims = GoodClaims();
  claims.staff = true;
  EXPECT_TRUE(VerifyAt(*key_.Sign(claims))->staff);
  EXPECT_FALSE(VerifyAt(WithPayload(R"("tv":0)", R"("tv":0,"roles":["listener"])"))->staff);
  ExpectRefused(WithPayload(R"("tv":0)", R"("tv":0,"roles":"staff")"));
  ExpectRefused(WithPayload(R"("tv":0)", R"("tv":0,"roles":["staff",1])"));
}

TEST_F(JwtTest, RefusesEveryFlippedBit) {
  const std::string token = *key_.Sign(GoodClaims());
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = token;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      EXPECT_FALSE(VerifyAt(flipped).ok()) << "byte " << i << " bit " << bit;
    }
  }
}

TEST_F(JwtTest, RefusesEveryTruncationAndExtension) {
  const std::string token = *key_.Sign(GoodClaims());
  for (std::size_t size = 0; size < token.size(); ++size) ExpectRefused(token.substr(0, size));
  for (const char* const more : {"=", "==", ".", "A", "AA", "AAAA", " ", "\n", ".AAAA"}) {
    ExpectRefused(token + more);
    ExpectRefused(more + token);
  }
  ExpectRefused(token + '\0');
}

TEST_F(JwtTest, RefusesOtherAlgorithms) {
  for (const char* const other :
       {R"("none")", R"("None")", R"("nOnE")", R"("")", "null", "1", R"(["HS256"])", R"(["ES256"])",
        R"("HS256")", R"("HS384")", R"("HS512")", R"("RS256")", R"("ES384")", R"("es256")",
        R"("ES256\u0000")"}) {
    ExpectRefused(WithHeader(R"("ES256")", other));
  }
  ExpectRefused(WithHeader(R"("alg":"ES256",)", ""));
}

TEST_F(JwtTest, RefusesTheMissingSignatureOfAlgorithmNone) {
  const std::string signed_text =
      absl::StrCat(Base64UrlEncode(absl::StrReplaceAll(GoodHeader(), {{"ES256", "none"}})), ".",
                   Base64UrlEncode(GoodPayload()));
  ExpectRefused(signed_text);
  ExpectRefused(signed_text + ".");
}

TEST_F(JwtTest, RefusesAnHmacWithThePublicKey) {
  const std::string signed_text =
      absl::StrCat(Base64UrlEncode(absl::StrReplaceAll(GoodHeader(), {{"ES256", "HS256"}})), ".",
                   Base64UrlEncode(GoodPayload()));
  const PublicKey& key = key_.public_key();
  for (const std::string& secret : {"\x04" + *Base64UrlDecode(key.x) + *Base64UrlDecode(key.y),
                                    key.x + key.y, key.kid, std::string()}) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac,
         &size);
    const std::string signature(reinterpret_cast<const char*>(mac), size);
    ExpectRefused(absl::StrCat(signed_text, ".", Base64UrlEncode(signature)));
  }
}

TEST_F(JwtTest, RefusesDegenerateSignatures) {
  const std::string signed_text =
      absl::StrCat(Base64UrlEncode(GoodHeader()), ".", Base64UrlEncode(GoodPayload()), ".");
  ExpectRefused(signed_text + Base64UrlEncode(std::string(64, '\0')));
  ExpectRefused(signed_text + Base64UrlEncode(std::string(64, '\xff')));
  ExpectRefused(signed_text + Base64UrlEncode(std::string(63, '\x01')));
  ExpectRefused(signed_text + Base64UrlEncode(std::string(72, '\x30')));
}

TEST_F(JwtTest, RefusesOtherTypes) {
  for (const char* const other :
       {R"("JWT")", R"("rt+jwt")", R"("AT+JWT")", R"("application/at+jwt")", "null", R"("")"}) {
    ExpectRefused(WithHeader(R"("at+jwt")", other));
  }
  ExpectRefused(WithHeader(R"("typ":"at+jwt",)", ""));
}

TEST_F(JwtTest, RefusesUnknownKids) {
  const std::string kid = absl::StrCat("\"", key_.public_key().kid, "\"");
  for (const std::string& other :
       {std::string(R"("unknown")"), std::string(R"("../../dev/null")"),
        std::string(R"("' OR 1=1")"), std::string("1"), std::string("null"), std::string(R"("")"),
        absl::StrCat("\"", std::string(5'000, 'k'), "\""),
        absl::StrCat("\"", std::string(10'240, 'k'), "\"")}) {
    ExpectRefused(WithHeader(kid, other));
  }
  ExpectRefused(WithHeader(absl::StrCat(R"(,"kid":)", kid), ""));
}

TEST_F(JwtTest, RefusesKeysWithinTheToken) {
  const SigningKey foreign = NewSigningKey();
  const std::string header = absl::StrReplaceAll(
      GoodHeader(),
      {{R"("alg")", absl::StrCat(R"("jku":"http://127.0.0.1/","jwk":{"kty":"EC",)",
                                 R"("crv":"P-256","x":")", foreign.public_key().x, R"(","y":")",
                                 foreign.public_key().y, R"("},"alg")")}});
  ExpectRefused(*foreign.SignParts(header, GoodPayload()));
  ExpectRefused(*foreign.Sign(GoodClaims()));
}

TEST_F(JwtTest, RefusesCriticalExtensions) {
  ExpectRefused(WithHeader(R"("alg")", R"("crit":["b64"],"b64":true,"alg")"));
  ExpectRefused(WithHeader(R"("alg")", R"("crit":[],"alg")"));
  ExpectRefused(WithHeader(R"("alg")", R"("crit":null,"alg")"));
}

TEST_F(JwtTest, RefusesHeadersAndPayloadsThatAreNotOneObject) {
  for (const char* const json : {"", "null", "[]", "\"x\"", "1", "{", "\xff"}) {
    ExpectRefused(*key_.SignParts(json, GoodPayload()));
    ExpectRefused(*key_.SignParts(GoodHeader(), json));
  }
  ExpectRefused(*key_.SignParts("\xef\xbb\xbf" + GoodHeader(), GoodPayload()));
  ExpectRefused(*key_.SignParts(GoodHeader(), "\xef\xbb\xbf" + GoodPayload()));
  ExpectRefused(*key_.SignParts(GoodHeader(), GoodPayload() + GoodPayload()));
}

TEST_F(JwtTest, RefusesDuplicateMembers) {
  ExpectRefused(WithHeader(R"("alg")", R"("alg":"ES256","alg")"));
  ExpectRefused(WithPayload(R"("sub":"42")", R"("sub":"42","sub":"42")"));
  ExpectRefused(WithPayload(R"("sub":"42")", R"("sub":"42","\u0073ub":"1")"));
}

TEST_F(JwtTest, IsGoodFromIssueUntilTheSecondBeforeItsEnd) {
  const std::string token = *key_.SignParts(GoodHeader(), GoodPayload());
  const absl::Time end = kNow + absl::Minutes(15);
  ExpectRefused(token, kNow - absl::Microseconds(1));
  EXPECT_THAT(VerifyAt(token, kNow), IsOk());
  EXPECT_THAT(VerifyAt(token, end - absl::Seconds(1)), IsOk());
  EXPECT_THAT(VerifyAt(token, end - absl::Microseconds(1)), IsOk());
  ExpectRefused(token, end);
  ExpectRefused(token, end + absl::Seconds(1));
}

TEST_F(JwtTest, HonoursNotBefore) {
  const std::string token = WithPayload(R"("nbf":1700000000)", R"("nbf":1700000010)");
  ExpectRefused(token, kNow + absl::Seconds(9));
  EXPECT_THAT(VerifyAt(token, kNow + absl::Seconds(10)), IsOk());
}

TEST_F(JwtTest, RefusesTimesThatAreNone) {
  for (const char* const value :
       {R"("1700000900")", "1e400", "1.7000009e9", "-1", "9223372036854775808", "1700000900.5",
        "null", "[1]", "{}", "true", "99999999999999999999999", "9223372036854775807", "0"}) {
    ExpectRefused(WithPayload("1700000900", value));
  }
  for (const char* const value : {R"("1700000000")", "1e9", "-1", "null", "[1]", "1700000000.0"}) {
    ExpectRefused(WithPayload(R"("iat":1700000000)", absl::StrCat(R"("iat":)", value)));
    ExpectRefused(WithPayload(R"("nbf":1700000000)", absl::StrCat(R"("nbf":)", value)));
  }
  for (const char* const claim :
       {R"("exp":1700000900,)", R"("iat":1700000000,)", R"("nbf":1700000000,)"}) {
    ExpectRefused(WithPayload(claim, ""));
  }
}

TEST_F(JwtTest, RefusesLifetimesOverTheMaximum) {
  ExpectRefused(WithPayload("1700000900", "1700000901"));
  ExpectRefused(WithPayload("1700000900", "2015360000"));
  ExpectRefused(WithPayload(R"("iat":1700000000)", R"("iat":0)"));
}

TEST_F(JwtTest, RefusesSubjectsThatAreNoUserId) {
  for (const char* const value :
       {R"("")", R"("0")", R"("1 ")", R"(" 1")", R"("+1")", R"("-1")", R"("01")", R"("1\u0000")",
        "1", "null", R"("7c9e6679-7425-40de-944b-e07fc1f90ae7")", R"("9223372036854775808")",
        R"("99999999999999999999")", R"("1e3")", R"("0x1")", R"("١")"}) {
    ExpectRefused(WithPayload(R"("42")", value));
  }
  ExpectRefused(WithPayload(R"("sub":"42",)", ""));
  EXPECT_EQ(VerifyAt(WithPayload(R"("42")", R"("9223372036854775807")"))->user_id,
            9223372036854775807);
}

TEST_F(JwtTest, RefusesOtherIssuersAndAudiences) {
  for (const char* const value : {R"("Playlog")", R"("")", "null", "1", R"(["playlog"])"}) {
    ExpectRefused(WithPayload(R"("iss":"playlog")", absl::StrCat(R"("iss":)", value)));
  }
  for (const char* const value : {R"("playlog")", R"(["playlog-api"])", "null"}) {
    ExpectRefused(WithPayload(R"("playlog-api")", value));
  }
  ExpectRefused(WithPayload(R"("iss":"playlog",)", ""));
  ExpectRefused(WithPayload(R"("aud":"playlog-api",)", ""));
}

TEST_F(JwtTest, RefusesMalformedTokenIdsAndVersions) {
  for (const char* const value : {R"("")", R"("a b")", R"("a.b")", "1", "null"}) {
    ExpectRefused(WithPayload(R"("abc")", value));
  }
  ExpectRefused(WithPayload(R"("abc")", absl::StrCat("\"", std::string(65, 'a'), "\"")));
  ExpectRefused(WithPayload(R"(,"tv":0)", ""));
  for (const char* const value : {"-1", R"("0")", "0.0", "null"}) {
    ExpectRefused(WithPayload(R"("tv":0)", absl::StrCat(R"("tv":)", value)));
  }
}

TEST_F(JwtTest, NeedsTheSignInThatItComesFrom) {
  ExpectRefused(WithPayload(R"(,"sid":7)", ""));
  for (const char* const value : {"0", "-7", "\"7\"", "7.5", "null", "[7]", "1e400"}) {
    ExpectRefused(WithPayload(R"("sid":7)", absl::StrCat(R"("sid":)", value)));
  }
  EXPECT_EQ(VerifyAt(WithPayload(R"("sid":7)", R"("sid":8)"))->session_id, 8);
}

TEST_F(JwtTest, RefusesTokensOverTheSizeLimit) {
  const auto padded = [this](std::size_t size) {
    return WithPayload(R"("tv":0)",
                       absl::StrCat(R"("tv":0,"pad":")", std::string(size, 'p'), "\""));
  };
  std::size_t size = 5'500;
  while (padded(size + 1).size() <= kTokenBytesMax) ++size;
  EXPECT_THAT(VerifyAt(padded(size)), IsOk());
  ExpectRefused(padded(size + 1));
  ExpectRefused(padded(12'000));
}

TEST_F(JwtTest, AcceptsTheKeyBeforeWhileItIsTrusted) {
  const SigningKey next = NewSigningKey();
  const PublicKeys both = *PublicKeys::Create({next.public_key(), key_.public_key()});
  const PublicKeys after = *PublicKeys::Create({next.public_key()});
  const std::string token = *key_.Sign(GoodClaims());
  EXPECT_THAT(Verify(token, both, kNow), IsOk());
  EXPECT_THAT(Verify(*next.Sign(GoodClaims()), both, kNow), IsOk());
  EXPECT_THAT(Verify(token, after, kNow), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
  EXPECT_THAT(Verify(token, PublicKeys(), kNow), ErrorIs(errors::v1::ERROR_CODE_INVALID_TOKEN));
}

TEST_F(JwtTest, DoesNotSignWhatVerifyRefuses) {
  std::vector<Claims> bad(7, GoodClaims());
  bad[0].user_id = 0;
  bad[1].token_id = "a\"b";
  bad[2].token_version = -1;
  bad[3].expires_at = bad[3].issued_at;
  bad[4].expires_at = bad[4].issued_at + absl::Minutes(16);
  bad[5].issued_at = absl::FromUnixSeconds(-1);
  bad[6].session_id = 0;
  for (const Claims& claims : bad) {
    EXPECT_THAT(key_.Sign(claims), ErrorIs(errors::v1::ERROR_CODE_INTERNAL));
  }
}

TEST(PublicKeys, RefusesPointsThatAreNotOnTheCurve) {
  const PublicKey good = NewSigningKey().public_key();
  PublicKey bad = good;
  std::swap(bad.x, bad.y);
  EXPECT_THAT(PublicKeys::Create({bad}), StatusIs(absl::StatusCode::kInvalidArgument));
  bad = good;
  bad.x = Base64UrlEncode(std::string(32, '\0'));
  bad.y = bad.x;
  EXPECT_THAT(PublicKeys::Create({bad}), StatusIs(absl::StatusCode::kInvalidArgument));
  bad = good;
  bad.x += "AA";
  EXPECT_THAT(PublicKeys::Create({bad}), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(PublicKeys, RefusesMalformedAndRepeatedKids) {
  PublicKey key = NewSigningKey().public_key();
  EXPECT_THAT(PublicKeys::Create({key, key}), StatusIs(absl::StatusCode::kInvalidArgument));
  for (const std::string& kid : {std::string(), std::string("a/b"), std::string(65, 'k')}) {
    key.kid = kid;
    EXPECT_THAT(PublicKeys::Create({key}), StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(SigningKey, NamesItselfAfterItsPoint) {
  const std::string pem = NewPrivateKeyPem();
  const absl::StatusOr<SigningKey> key = SigningKey::FromPem(pem);
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->public_key().kid.size(), 16);
  EXPECT_EQ(key->public_key().kid, SigningKey::FromPem(pem)->public_key().kid);
  EXPECT_NE(key->public_key().kid, NewSigningKey().public_key().kid);
}

TEST(PublicKeys, AreEqualIfTheyTrustTheSameKeys) {
  const PublicKey one = NewSigningKey().public_key();
  const PublicKey other = NewSigningKey().public_key();
  PublicKey renamed = one;
  renamed.kid = "renamed";
  PublicKey impostor = other;
  impostor.kid = one.kid;
  EXPECT_EQ(*PublicKeys::Create({one, other}), *PublicKeys::Create({other, one}));
  EXPECT_NE(*PublicKeys::Create({one}), *PublicKeys::Create({one, other}));
  EXPECT_NE(*PublicKeys::Create({one}), *PublicKeys::Create({renamed}));
  EXPECT_NE(*PublicKeys::Create({one}), *PublicKeys::Create({impostor}));
}

std::vector<std::string> KidsOf(const std::vector<SigningKey>& keys) {
  std::vector<std::string> kids;
  for (const SigningKey& key : keys) kids.push_back(key.public_key().kid);
  return kids;
}

TEST(SigningKey, ReadsAllKeysOfAFileInTheirOrder) {
  const std::string first = NewPrivateKeyPem();
  const std::string second = NewPrivateKeyPem();
  const std::string first_kid = SigningKey::FromPem(first)->public_key().kid;
  const std::string second_kid = SigningKey::FromPem(second)->public_key().kid;
  EXPECT_THAT(KidsOf(*SigningKey::AllFromPem(first)), ElementsAre(first_kid));
  EXPECT_THAT(KidsOf(*SigningKey::AllFromPem(first + second)), ElementsAre(first_kid, second_kid));
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  EXPECT_THAT(
      KidsOf(*SigningKey::AllFromPem("# the next\n" + parameters + second + "# now\n" + first)),
      ElementsAre(second_kid, first_kid));
}

TEST(SigningKey, ReadsNoneOfAFileWithABadKey) {
  const std::string good = NewPrivateKeyPem();
  std::string many;
  for (std::size_t i = 0; i <= SigningKey::kSigningKeysMax; ++i) many += NewPrivateKeyPem();
  for (const std::string& bad :
       {std::string(), std::string("secret"), good + good, good + NewPrivateKeyPem("P-384"), many,
        good + good.substr(0, good.size() / 2)}) {
    EXPECT_THAT(SigningKey::AllFromPem(bad), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

TEST(SigningKey, RefusesWhatIsNoPrivateKeyOnP256) {
  const std::string pem = NewPrivateKeyPem();
  for (const std::string& bad :
       {std::string(), std::string("secret"), pem.substr(0, pem.size() / 2),
        NewPrivateKeyPem("P-384"), NewPrivateKeyPem("secp256k1")}) {
    EXPECT_THAT(SigningKey::FromPem(bad), StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

}  // namespace
}  // namespace playlog::jwt
