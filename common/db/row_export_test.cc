#include "common/db/row_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "common/testing/postgres.h"

namespace playlog::db {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using ::testing::ElementsAre;

constexpr Statement kExportNotes{"export_notes", R"sql(
  SELECT (SELECT row_to_json(line)::text FROM (SELECT day, place, said, at) AS line),
    notes.day::text, notes.place::text
  FROM notes WHERE user_id = $1::bigint AND (notes.day, notes.place) >
    (coalesce(($2::text[])[1], '-1')::bigint, coalesce(($2::text[])[2], '')::text)
  ORDER BY notes.day, notes.place LIMIT $3::bigint)sql"};
constexpr Statement kExportEmpty{"export_empty", R"sql(
  SELECT '{}', '1' FROM notes WHERE user_id = -$1::bigint AND $2::text[] IS NOT NULL
  LIMIT $3::bigint)sql"};
constexpr ExportedTable kTables[] = {
    {"nothing", kExportEmpty}, {"notes", kExportNotes, 2}, {"nothing_more", kExportEmpty}};

class RowExportTest : public ::testing::Test {
 protected:
  RowExportTest() {
    database_.Execute(
        "CREATE SCHEMA diary; CREATE TABLE diary.notes (user_id bigint, day bigint, place text, "
        "said text, secret text, at timestamptz DEFAULT '2024-01-15T14:30:00.123456Z')");
    pool_ = *Pool::Create({.url = Secret(database_.url()), .schema = "diary"});
  }

  void AddNotes(int count, const std::string& said = "'x'") {
    database_.Execute(
        absl::StrCat("INSERT INTO diary.notes (user_id, day, place, said, secret) SELECT 7, n / 3, "
                     "'p' || n % 3, ",
                     said, ", 'canary' FROM generate_series(1, ", count, ") AS n"));
  }

  // The steps of an export.
  std::vector<ExportedRows> Read(std::int64_t user_id = 7) {
    PostgresRowExport rows(*pool_, kTables, user_id);
    std::vector<ExportedRows> steps;
    while (true) {
      ExportedRows step;
      const auto more = rows.Next(absl::Now() + absl::Seconds(20), step);
      EXPECT_THAT(more, IsOk());
      if (!more.ok() || !*more) return steps;
      steps.push_back(step);
    }
  }
  static int CountLines(const std::vector<ExportedRows>& steps) {
    std::ptrdiff_t lines = 0;
    for (const ExportedRows& step : steps) {
      lines += std::count(step.lines.begin(), step.lines.end(), '\n');
    }
    return static_cast<int>(lines);
  }

  testing::TestDatabase database_;
  std::unique_ptr<Pool> pool_;
};

TEST_F(RowExportTest, NamesEachTableThoughItIsEmpty) {
  std::vector<std::string> tables;
  for (const ExportedRows& step : Read()) {
    tables.push_back(step.table);
    EXPECT_EQ(step.lines, "");
  }
  EXPECT_THAT(tables, ElementsAre("nothing", "notes", "nothing_more"));
}

TEST_F(RowExportTest, WritesALineForEachRowWithTheNamedColumnsAlone) {
  AddNotes(2, "E'a\\n\"b\\u2028\\t'");
  EXPECT_EQ(Read()[1].lines,
            "{\"day\":0,\"place\":\"p1\",\"said\":\"a\\n\\\"b\xE2\x80\xA8\\t\","
            "\"at\":\"2024-01-15T14:30:00.123456+00:00\"}\n"
            "{\"day\":0,\"place\":\"p2\",\"said\":\"a\\n\\\"b\xE2\x80\xA8\\t\","
            "\"at\":\"2024-01-15T14:30:00.123456+00:00\"}\n");
  EXPECT_EQ(CountLines(Read(8)), 0);
}

TEST_F(RowExportTest, ReadsEveryRowOnceWhateverTheNumber) {
  int known = 0;
  for (const int count : {1, 99, 100, 101, 200, 2345}) {
    AddNotes(count - known);
    database_.Execute(
        "WITH numbered AS (SELECT ctid, row_number() OVER () AS n FROM diary.notes) "
        "UPDATE diary.notes SET day = n / 3, place = 'p' || n % 3 FROM numbered "
        "WHERE numbered.ctid = notes.ctid");
    known = count;
    EXPECT_EQ(CountLines(Read()), count);
  }
}

TEST_F(RowExportTest, KeepsItsStepsSmallThoughRowsAreLong) {
  AddNotes(250, "repeat('x', 20000)");
  const std::vector<ExportedRows> steps = Read();
  EXPECT_EQ(CountLines(steps), 250);
  for (const ExportedRows& step : steps) EXPECT_LT(step.lines.size(), kExportedBytes + 21'000);
  EXPECT_GT(steps.size(), 60U);
}

TEST_F(RowExportTest, FailsWhenTheTimeIsOver) {
  PostgresRowExport rows(*pool_, kTables, 7);
  ExportedRows step;
  EXPECT_THAT(rows.Next(absl::Now() - absl::Seconds(1), step),
              ErrorIs(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED));
}

}  // namespace
}  // namespace playlog::db
