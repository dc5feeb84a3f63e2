#include "services/auth/key_rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/metrics.h"
#include "common/testing/matchers.h"
#include "common/testing/temporary_directory.h"
#include "services/auth/service_fixture.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::playlog::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

// Returns what the page of metrics shows.
std::string MetricsText() {
  static const std::unique_ptr<MetricsPage> page = *ServeMetrics("127.0.0.1:0");
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(page->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(write(connection, kRequest.data(), kRequest.size()), std::ssize(kRequest));
  std::string answer;
  char buffer[4096];
  for (ssize_t size; (size = read(connection, buffer, sizeof(buffer))) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(size));
  }
  close(connection);
  return answer;
}

class KeyRotationTest : public ::testing::Test {
 protected:
  KeyRotationTest() { WriteRing(KeyRingText({1})); }

  // Puts a new file in the place of the ring's, as an operator does.
  void WriteRing(const std::string& text, mode_t mode = 0400) {
    const std::string next = path_ + ".next";
    std::ofstream(next) << text;
    chmod(next.c_str(), mode);
    std::rename(next.c_str(), path_.c_str());
  }
  std::int64_t StoreKey(const std::string& text) {
    const std::int64_t user_id =
        parts_.store.CreateUser(absl::InfiniteFuture(), absl::StrCat("user-", ++users_), "hash")
            ->id;
    const NewKey key{.user_id = user_id, .service_name = "spotify"};
    const auto seal = [&](std::int64_t row_id, std::int64_t version) {
      return parts_.vault.Seal(
          {.user_id = user_id, .service_name = "spotify", .row_id = row_id, .version = version},
          Secret(text));
    };
    EXPECT_THAT(parts_.credentials.PutKey(absl::InfiniteFuture(), key, parts_.clock.Now(), seal,
                                          AuditEvent{.user_id = user_id}),
                IsOk());
    return user_id;
  }
  std::string Open(std::int64_t user_id) {
    const auto key = *parts_.credentials.FindKey(absl::InfiniteFuture(), user_id, "spotify");
    const auto opened = parts_.vault.Open(ContextOf(key->about), key->blob);
    return opened.ok() ? std::string(opened->Reveal()) : "does not open";
  }
  std::map<std::uint32_t, std::int64_t> Counts() {
    return *parts_.credentials.CountKeysByKek(absl::InfiniteFuture());
  }
  // One round; returns what it wrote to the log.
  std::string Round() {
    ::testing::internal::CaptureStderr();
    rotation_.Round();
    return ::testing::internal::GetCapturedStderr();
  }
  absl::Status CheckAtStart() { return rotation_.CheckAtStart(absl::InfinitePast()); }

  ServiceFixture parts_;
  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/ring.json";
  KeyRotation rotation_{path_, parts_.vault, parts_.credentials, parts_.clock};
  int users_ = 0;
};

TEST_F(KeyRotationTest, TakesANewRingAndSealsEverythingAnew) {
  std::vector<std::int64_t> users;
  for (int i = 0; i < 2 * KeyRotation::kBatch + 1; ++i) {
    users.push_back(StoreKey(absl::StrCat("key-", i)));
  }
  EXPECT_THAT(CheckAtStart(), IsOk());
  EXPECT_THAT(Round(), Not(HasSubstr("keys_resealed")));
  WriteRing(KeyRingText({1, 2}));
  Round();
  EXPECT_THAT(parts_.vault.ring()->ids(), ElementsAre(1U, 2U));
  EXPECT_THAT(Counts(), ElementsAre(Pair(1U, users.size())));
  WriteRing(KeyRingText({2, 1}));
  EXPECT_THAT(Round(), AllOf(HasSubstr("key_ring_read"), HasSubstr("keys_resealed")));
  EXPECT_THAT(Counts(), ElementsAre(Pair(2U, users.size())));
  WriteRing(KeyRingText({2}));
  Round();
  EXPECT_EQ(parts_.vault.ring()->Find(1), nullptr);
  for (std::size_t i = 0; i < users.size(); ++i) {
    EXPECT_EQ(Open(users[i]), absl::StrCat("key-", i));
  }
  EXPECT_THAT(Round(), IsEmpty());
}

TEST_F(KeyRotationTest, RefusesToDropAKeyThatIsStillUsed) {
  const std::int64_t user_id = StoreKey("kept");
  Round();
  WriteRing(KeyRingText({2}));
  EXPECT_THAT(Round(), AllOf(HasSubstr("key_ring_refused"), HasSubstr("lacks the key 1")));
  EXPECT_EQ(parts_.vault.ring()->primary(), 1U);
  EXPECT_EQ(Open(user_id), "kept");
  // One line, not one a round.
  EXPECT_THAT(Round(), IsEmpty());
}

TEST_F(KeyRotationTest, TakesARefusedRingOnceNothingNeedsTheKeyAnyMore) {
  const std::int64_t user_id = StoreKey("last");
  Round();
  WriteRing(KeyRingText({2}));
  Round();
  ASSERT_TRUE(*parts_.credentials.DeleteKey(absl::InfiniteFuture(), user_id, "spotify",
                                            AuditEvent{.user_id = user_id}));
  EXPECT_THAT(Round(), HasSubstr("key_ring_read"));
  EXPECT_EQ(parts_.vault.ring()->primary(), 2U);
}

TEST_F(KeyRotationTest, RefusesAnotherKeyUnderTheIdOfOneThatIsUsed) {
  const std::int64_t user_id = StoreKey("kept");
  Round();
  std::string swapped = KeyRingText({1});
  const std::string other = KeyRingText({2});
  const std::size_t key = swapped.find("\"key\":\"") + 7;
  swapped.replace(key, 44, other.substr(key, 44));
  WriteRing(swapped);
  EXPECT_THAT(Round(), HasSubstr("its key 1 is not the one"));
  EXPECT_EQ(Open(user_id), "kept");
}

TEST_F(KeyRotationTest, KeepsTheRingWhenTheFileIsBadOrGone) {
  const std::int64_t user_id = StoreKey("kept");
  Round();
  WriteRing("{}");
  EXPECT_THAT(Round(), HasSubstr("key_ring_refused"));
  EXPECT_THAT(Round(), IsEmpty());
  WriteRing(KeyRingText({2, 1}), 0644);
  EXPECT_THAT(Round(), HasSubstr("key_ring_refused"));
  std::remove(path_.c_str());
  EXPECT_THAT(Round(), HasSubstr("key_ring_refused"));
  EXPECT_EQ(parts_.vault.ring()->primary(), 1U);
  EXPECT_EQ(Open(user_id), "kept");
  WriteRing(KeyRingText({1}));
  EXPECT_THAT(Round(), IsEmpty());
}

TEST_F(KeyRotationTest, NeverTellsTheKeys) {
  const std::string text = KeyRingText({2, 1});
  const std::string key = text.substr(text.find("\"key\":\"") + 7, 20);
  WriteRing(text);
  EXPECT_THAT(Round(), Not(HasSubstr(key)));
  WriteRing(text + "}");
  EXPECT_THAT(Round(), AllOf(HasSubstr("key_ring_refused"), Not(HasSubstr(key))));
}

TEST_F(KeyRotationTest, LeavesAKeyThatDoesNotOpenAndKeepsItsKeyOfTheRing) {
  const std::int64_t broken = StoreKey("broken");
  const std::int64_t whole = StoreKey("whole");
  parts_.credentials.Tamper(broken, "spotify");
  WriteRing(KeyRingText({2, 1}));
  EXPECT_THAT(Round(), HasSubstr("keys_not_resealed"));
  EXPECT_EQ(Open(whole), "whole");
  EXPECT_THAT(Counts(), ElementsAre(Pair(1U, 1), Pair(2U, 1)));
  EXPECT_THAT(Round(), IsEmpty());
  parts_.clock.Advance(absl::Minutes(1));
  EXPECT_THAT(Round(), HasSubstr("keys_not_resealed"));
  WriteRing(KeyRingText({2}));
  EXPECT_THAT(Round(), HasSubstr("lacks the key 1"));
}

TEST_F(KeyRotationTest, DoesNothingWhileTheDatabaseIsAway) {
  const std::int64_t user_id = StoreKey("kept");
  Round();
  parts_.store.FailWith(Error(errors::v1::ERROR_CODE_UNAVAILABLE, "away"));
  WriteRing(KeyRingText({2, 1}));
  EXPECT_THAT(Round(), IsEmpty());
  EXPECT_EQ(parts_.vault.ring()->primary(), 1U);
  parts_.store.FailWith(absl::OkStatus());
  Round();
  EXPECT_EQ(parts_.vault.ring()->primary(), 2U);
  EXPECT_EQ(Open(user_id), "kept");
}

TEST_F(KeyRotationTest, DoesNotLetAProcessStartWithoutAKeyThatIsUsed) {
  StoreKey("kept");
  parts_.vault.SetRing(NewKeyRing({2}));
  const absl::Status refused = CheckAtStart();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr(path_), HasSubstr("lacks the key 1")));
}

TEST_F(KeyRotationTest, StartsThoughOneStoredKeyWasTamperedWith) {
  parts_.credentials.Tamper(StoreKey("broken"), "spotify");
  StoreKey("whole");
  EXPECT_THAT(CheckAtStart(), IsOk());
}

TEST_F(KeyRotationTest, ShowsTheRingAndTheCounts) {
  StoreKey("one");
  StoreKey("two");
  WriteRing(KeyRingText({7, 1}));
  Round();
  EXPECT_THAT(MetricsText(), AllOf(HasSubstr("playlog_key_ring_primary 7"),
                                   HasSubstr("playlog_key_ring_has_key{kek_id=\"1\"} 1"),
                                   HasSubstr("playlog_sealed_keys{kek_id=\"1\"} 0"),
                                   HasSubstr("playlog_sealed_keys{kek_id=\"7\"} 2"),
                                   HasSubstr("playlog_key_ring_refused 0")));
  WriteRing(KeyRingText({7}));
  Round();
  EXPECT_THAT(MetricsText(), HasSubstr("playlog_key_ring_has_key{kek_id=\"1\"} 0"));
  WriteRing("{}");
  Round();
  EXPECT_THAT(MetricsText(), HasSubstr("playlog_key_ring_refused 1"));
}

TEST_F(KeyRotationTest, GoesOnInAThreadUntilItIsDestroyed) {
  const std::int64_t user_id = StoreKey("kept");
  WriteRing(KeyRingText({2, 1}));
  rotation_.Start();
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (Counts() != std::map<std::uint32_t, std::int64_t>{{2, 1}}) {
    ASSERT_LT(absl::Now(), give_up);
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(Open(user_id), "kept");
}

}  // namespace
}  // namespace playlog::auth
