// Who may call what, over gRPC: every RPC at each server that has it, with each certificate and
// each token. The RPCs and what is expected come from the protos, so a new one is tried unasked.

#include <gmock/gmock.h>
#include <google/protobuf/dynamic_message.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "playlog/auth/v1/key_vault_service.pb.h"
#include "playlog/options/v1/options.pb.h"
#include "tests/end_to_end/access_rpcs.h"
#include "tests/end_to_end/rpc_caller.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {
namespace {

using google::protobuf::MethodDescriptor;
using options::v1::Access;

const std::vector<std::string>& Servers() {
  static const auto& servers =
      *new std::vector<std::string>{"auth", "song_store", "spotify_ingest", "lastfm_ingest"};
  return servers;
}

// What a caller shows to a server: a name by our authority, or something that is none.
struct Certificate {
  std::string name;
  std::string tls_directory;  // Empty: plaintext.
  std::string identity;       // The service that the server sees; empty: nobody.
  bool connects = true;
};

enum class Token { kNone, kGarbage, kUserA, kUserB, kStaff };
constexpr std::pair<Token, const char*> kTokens[] = {{Token::kNone, "no token"},
                                                     {Token::kGarbage, "garbage"},
                                                     {Token::kUserA, "user A"},
                                                     {Token::kUserB, "user B"},
                                                     {Token::kStaff, "staff"}};

// What a call must come to, or came to. "allowed" is whatever the RPC itself then answers.
constexpr char kAllowed[] = "allowed";
constexpr char kNoConnection[] = "no connection";
constexpr char kForbidden[] = "PERMISSION_DENIED";
constexpr char kNoToken[] = "AUTHENTICATION_REQUIRED";
constexpr char kBadToken[] = "INVALID_TOKEN";

std::string Expected(const Access& access, const Certificate& certificate, Token token) {
  if (!certificate.connects) return kNoConnection;
  if (certificate.identity.empty()) return kForbidden;
  if (access.has_services()) {
    const auto& names = access.services().names();
    const bool is_named =
        names.empty() || std::find(names.begin(), names.end(), certificate.identity) != names.end();
    return is_named ? kAllowed : kForbidden;
  }
  if (access.anyone()) return kAllowed;
  if (!access.user() && !access.staff()) return kForbidden;
  if (token == Token::kNone) return kNoToken;
  if (token == Token::kGarbage) return kBadToken;
  return access.staff() && token != Token::kStaff ? kForbidden : kAllowed;
}

std::string Outcome(const absl::Status& status) {
  if (status.ok()) return kAllowed;
  // What no handler of ours answered has no detail: no connection, or no such RPC at that server.
  const bool is_ours = status.GetPayload(kErrorDetailType).has_value();
  if (!is_ours) return absl::IsUnavailable(status) ? kNoConnection : status.ToString();
  std::string code = NameOf(CodeOf(status));
  if (code == kForbidden || code == kNoToken || code == kBadToken) return code;
  return CodeOf(status) == errors::v1::ERROR_CODE_INTERNAL ? "a bug: " + status.ToString()
                                                           : kAllowed;
}

// The source whose keys the holder of a certificate may use.
songs::v1::Source SourceOf(const std::string& identity) {
  return identity == "lastfm_ingest" ? songs::v1::SOURCE_LASTFM : songs::v1::SOURCE_SPOTIFY;
}

// An empty request, but to the vault one for the caller's own source: its finer rule has a test of
// its own.
std::string RequestOf(const MethodDescriptor& rpc, const std::string& identity) {
  google::protobuf::DynamicMessageFactory factory;
  const std::unique_ptr<google::protobuf::Message> request(
      factory.GetPrototype(rpc.input_type())->New());
  const auto* source = rpc.input_type()->FindFieldByName("service_name");
  if (AccessOf(rpc).has_services() && source != nullptr) {
    request->GetReflection()->SetEnumValue(request.get(), source, SourceOf(identity));
  }
  return request->SerializeAsString();
}

class AccessMatrixTest : public EndToEndTest {
 protected:
  static void SetUpTestSuite() {
    if (certificates_ != nullptr) return;
    certificates_ = new std::vector<Certificate>();
    for (const char* name :
         {"gateway", "auth", "song_store", "spotify_ingest", "lastfm_ingest", "operator"}) {
      certificates_->push_back({name, stack().TlsDirectoryOf(name), name});
    }
    AddStrangers();
    users_ = new std::map<Token, User>{{Token::kUserA, api().NewUser()},
                                       {Token::kUserB, api().NewUser()},
                                       {Token::kStaff, NewStaff()}};
  }

  // Certificates that name nobody of ours, one by another authority, and none at all.
  static void AddStrangers() {
    const std::string directory = stack().directory() + "/tls/strangers";
    const auto issue = [&](const std::string& name, std::vector<std::string> uris) {
      stack().authority().IssueInto(directory + "/" + name,
                                    {.dns_name = "localhost", .uris = std::move(uris)});
      certificates_->push_back({name, directory + "/" + name, ""});
    };
    issue("without a name", {});
    issue("of another system", {"spiffe://elsewhere/auth"});
    issue("with two names", {"spiffe://playlog/auth", "spiffe://playlog/spotify_ingest"});
    const std::string forged = directory + "/forged";
    testing::TestAuthority().IssueInto(forged, testing::ContentsFor("spotify_ingest"));
    const std::string authority = stack().TlsDirectoryOf("operator") + "/ca.pem";
    const auto overwrite = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(authority, forged + "/ca.pem", overwrite);
    certificates_->push_back({"of another authority", forged, "", false});
    const std::string none = directory + "/none";
    std::filesystem::create_directories(none);
    std::filesystem::copy_file(authority, none + "/ca.pem");
    certificates_->push_back({"none", none, "", false});
    certificates_->push_back({"none, in plaintext", "", "", false});
  }

  static User NewStaff() {
    User user = api().NewUser();
    stack().database().Execute(
        absl::StrCat("UPDATE auth.users SET staff = true WHERE id = ", user.id));
    user.access = SignInAgain(user);
    return user;
  }

  static std::string SignInAgain(const User& user) {
    const HttpAnswer answer =
        api().Post("/users/token/", absl::StrCat("{\"username\":", Quoted(user.name),
                                                 ",\"password\":", Quoted(user.password), "}"));
    EXPECT_EQ(answer.status, 200);
    return Member(answer.body, "access");
  }

  // `takes_effect`: the call is let in, so that it does what it is for.
  static std::string TextOf(Token token, const MethodDescriptor& rpc, bool takes_effect) {
    if (token == Token::kNone) return "";
    if (token == Token::kGarbage) return "garbage";
    const User& user = users_->at(token);
    // What ends a user or a sign-in gets one that no other cell needs.
    if (takes_effect && rpc.name() == "DeleteMe") {
      return (token == Token::kStaff ? NewStaff() : api().NewUser()).access;
    }
    if (takes_effect && rpc.name() == "Logout") return SignInAgain(user);
    return user.access;
  }

  static RpcCaller CallerAt(const std::string& server, const Certificate& certificate) {
    return RpcCaller(server, "unix:" + stack().SocketOf(server), certificate.tls_directory);
  }

  static std::vector<Certificate>* certificates_;
  static std::map<Token, User>* users_;
};

std::vector<Certificate>* AccessMatrixTest::certificates_ = nullptr;
std::map<Token, User>* AccessMatrixTest::users_ = nullptr;

TEST_F(AccessMatrixTest, EveryRpcLetsInWhomItsProtoSays) {
  int cells = 0;
  std::map<std::string, int> outcomes;
  for (const std::string& server : Servers()) {
    for (const Certificate& certificate : *certificates_) {
      const RpcCaller caller = CallerAt(server, certificate);
      for (const MethodDescriptor* rpc : PlaylogRpcs()) {
        const std::vector<std::string> servers = ServersOf(*rpc);
        if (std::find(servers.begin(), servers.end(), server) == servers.end()) continue;
        for (const auto& [token, token_name] : kTokens) {
          const std::string expected = Expected(AccessOf(*rpc), certificate, token);
          const absl::Status status =
              caller.Call(PathOf(*rpc), RequestOf(*rpc, certificate.identity),
                          TextOf(token, *rpc, expected == kAllowed));
          EXPECT_EQ(Outcome(status), expected)
              << rpc->full_name() << " at " << server << ", certificate: " << certificate.name
              << ", token: " << token_name << ": " << status;
          ++cells;
          ++outcomes[expected];
        }
      }
    }
  }
  std::printf("%d cells:", cells);
  for (const auto& [outcome, count] : outcomes) std::printf(" %d %s;", count, outcome.c_str());
  std::printf("\n");
  EXPECT_GE(cells, 1500);
}

TEST_F(AccessMatrixTest, AServerHasNoRpcOfAnother) {
  const Certificate& gateway = certificates_->front();
  int cells = 0;
  for (const std::string& server : Servers()) {
    const RpcCaller caller = CallerAt(server, gateway);
    for (const MethodDescriptor* rpc : PlaylogRpcs()) {
      const std::vector<std::string> servers = ServersOf(*rpc);
      if (std::find(servers.begin(), servers.end(), server) != servers.end()) continue;
      const absl::Status status = caller.Call(PathOf(*rpc), "", users_->at(Token::kStaff).access);
      EXPECT_TRUE(absl::IsUnimplemented(status)) << rpc->full_name() << " at " << server;
      ++cells;
    }
  }
  std::printf("%d cells\n", cells);
}

// The vault's finer rule: the keys of a source go to the ingest service of that source alone.
TEST_F(AccessMatrixTest, TheVaultOpensToEachIngestServiceItsOwnSource) {
  const User& user = users_->at(Token::kUserA);
  ASSERT_EQ(api().StoreSpotifyToken(user, "the-token").status / 100, 2);
  ASSERT_EQ(api().StoreLastfmKey(user, "the-key", "listener").status / 100, 2);
  const std::map<songs::v1::Source, std::string> owners = {
      {songs::v1::SOURCE_SPOTIFY, "spotify_ingest"}, {songs::v1::SOURCE_LASTFM, "lastfm_ingest"}};
  for (const Certificate& certificate : *certificates_) {
    const RpcCaller caller = CallerAt("auth", certificate);
    for (const auto& [source, owner] : owners) {
      auth::v1::OpenKeyRequest open;
      open.set_user_id(user.id);
      open.set_service_name(source);
      auth::v1::ReportKeyUseRequest report;
      report.set_user_id(user.id);
      report.set_service_name(source);
      report.set_version(1'000'000);
      report.set_outcome(auth::v1::KEY_OUTCOME_ACCEPTED);
      const std::string expected = !certificate.connects           ? kNoConnection
                                   : certificate.identity == owner ? kAllowed
                                                                   : kForbidden;
      SCOPED_TRACE(absl::StrCat(certificate.name, ", keys of ", owner));
      const std::string vault = "/playlog.auth.v1.KeyVaultService/";
      // A user's token, whoever's it is, opens nothing.
      for (const std::string& token : {std::string(), user.access}) {
        const absl::Status opened = caller.Call(vault + "OpenKey", open.SerializeAsString(), token);
        EXPECT_EQ(Outcome(opened), expected) << opened;
        EXPECT_EQ(opened.ok(), expected == kAllowed) << opened;
        EXPECT_EQ(Outcome(caller.Call(vault + "ReportKeyUse", report.SerializeAsString(), token)),
                  expected);
      }
    }
    // Tokens of sign-ins are Spotify's alone; the other source's ingest service stores none.
    auth::v1::SaveTokensRequest save;
    save.set_user_id(user.id);
    save.set_service_name(songs::v1::SOURCE_LASTFM);
    save.set_access_token("a");
    save.set_refresh_token("b");
    save.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 3600);
    EXPECT_FALSE(
        caller.Call("/playlog.auth.v1.KeyVaultService/SaveTokens", save.SerializeAsString(), "")
            .ok())
        << certificate.name;
  }
}

}  // namespace
}  // namespace playlog::harness
