#include "common/db/connection_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/matchers.h"

namespace playlog::db {
namespace {

using ::playlog::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const SessionSettings kSettings{.schema = "auth",
                                .statement_timeout = absl::Milliseconds(900),
                                .lock_timeout = absl::Milliseconds(500)};

TEST(ConnectionString, AddsTheSessionsSettings) {
  const auto text =
      ConnectionString("postgresql://u:p%27w@db/playlog?options=-c%20jit%3Doff", kSettings);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, AllOf(HasSubstr("host='db'"), HasSubstr("password='p\\'w'"),
                           HasSubstr("connect_timeout='2'"),
                           HasSubstr("options='-c jit=off -c search_path=auth "),
                           HasSubstr("statement_timeout=900"), HasSubstr("lock_timeout=500"),
                           HasSubstr("TimeZone=UTC")));
}

TEST(ConnectionString, AddsFurtherSettingsLast) {
  SessionSettings settings = kSettings;
  settings.further = "-c work_mem=8MB";
  const auto text = ConnectionString("host=db", settings);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr(" -c jit=off -c work_mem=8MB'"));
}

TEST(ConnectionString, KeepsAConnectTimeoutThatIsGiven) {
  const auto text = ConnectionString("host=db connect_timeout=7", kSettings);
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("connect_timeout='7'"));
}

TEST(ConnectionString, NamesWhatIsWrongWithoutThePassword) {
  const auto text = ConnectionString("postgresql://u:hunter2@[bad/playlog", kSettings);
  EXPECT_THAT(text, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(text.status().ToString(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(ConnectionString("", kSettings), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ConnectionString("host=db", {.schema = "a;b"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace playlog::db
