#include "services/auth/export_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/testing/fake_row_export.h"
#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::FakeRowExport;
using ::playlog::testing::IsOk;
using ::playlog::testing::IsOkAndHolds;
using ::playlog::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kUser = 42;

// The files of a whole ZIP file.
std::map<std::string, std::string> Unzip(const std::string& zip) {
  std::map<std::string, std::string> files;
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip_seekable(reader.get());
  EXPECT_EQ(archive_read_open_memory(reader.get(), zip.data(), zip.size()), ARCHIVE_OK);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    std::string& file = files[archive_entry_pathname(entry)];
    char buffer[16384];
    for (la_ssize_t size = 1;
         (size = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0;) {
      file.append(buffer, static_cast<std::size_t>(size));
    }
  }
  return files;
}

class ExportStreamTest : public ::testing::Test {
 protected:
  void AddSource(const std::string& prefix, std::vector<ExportedRows> steps,
                 absl::Status failure = absl::OkStatus()) {
    sources_.push_back({prefix, [this, steps, failure](const rpc::Call&, std::int64_t user_id) {
                          EXPECT_EQ(user_id, kUser);
                          ++opened_;
                          auto rows = std::make_unique<FakeRowExport>(steps);
                          rows->FailAtTheEnd(failure);
                          return rows;
                        }});
  }

  // The stream's parts; stops at an error, which goes to `end_`.
  std::vector<std::string> Parts() {
    rpc::Call call;
    call.user_id = kUser;
    ExportStream stream(call, sources_, absl::Now());
    std::vector<std::string> parts;
    while (true) {
      v1::ExportMeResponse part;
      const absl::StatusOr<bool> more = stream.Next(part);
      end_ = more.status();
      if (!more.ok() || !*more) return parts;
      EXPECT_FALSE(part.body().empty());
      parts.push_back(part.body());
    }
  }
  std::string Bytes() { return absl::StrJoin(Parts(), ""); }

  std::vector<ExportSource> sources_;
  int opened_ = 0;
  absl::Status end_;
};

TEST_F(ExportStreamTest, MakesAFileOfEachTableOfEachSource) {
  AddSource("", {{"account", "{\"id\":1}\n"}, {"keys", ""}});
  AddSource("spotify_", {{"rejected_items", "{\"a\":1}\n"}, {"rejected_items", "{\"a\":2}\n"}});
  AddSource("lastfm_", {{"rejected_items", ""}});
  const auto files = Unzip(Bytes());
  EXPECT_THAT(end_, IsOk());
  EXPECT_THAT(files,
              UnorderedElementsAre(Pair("README.txt", HasSubstr("keys.jsonl")),
                                   Pair("account.jsonl", "{\"id\":1}\n"), Pair("keys.jsonl", ""),
                                   Pair("spotify_rejected_items.jsonl", "{\"a\":1}\n{\"a\":2}\n"),
                                   Pair("lastfm_rejected_items.jsonl", "")));
}

TEST_F(ExportStreamTest, SendsALongTableInPartsOfBoundedSize) {
  std::mt19937_64 random(7);
  std::vector<ExportedRows> steps;
  std::string all;
  for (int i = 0; i < 200; ++i) {
    std::string lines;
    while (lines.size() < kExportedBytes) absl::StrAppend(&lines, "{\"r\":", random(), "}\n");
    all += lines;
    steps.push_back({"plays", std::move(lines)});
  }
  AddSource("", std::move(steps));
  const std::vector<std::string> parts = Parts();
  EXPECT_THAT(end_, IsOk());
  EXPECT_GT(parts.size(), 30U);
  for (const std::string& part : parts) EXPECT_LT(part.size(), 256U * 1024);
  EXPECT_EQ(Unzip(absl::StrJoin(parts, ""))["plays.jsonl"], all);
}

TEST_F(ExportStreamTest, BreaksOffWhenASourceFailsInTheMiddle) {
  AddSource("", {{"account", "{\"id\":1}\n"}});
  AddSource("", {{"plays", "{\"id\":1}\n"}}, Error(errors::v1::ERROR_CODE_INTERNAL, "a secret"));
  AddSource("spotify_", {{"rejected_items", ""}});
  Parts();
  EXPECT_THAT(end_, ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
  EXPECT_EQ(std::string(end_.message()).find("secret"), std::string::npos);
  EXPECT_EQ(opened_, 2);
}

TEST_F(ExportStreamTest, EndsWhenTheReaderHasGone) {
  AddSource("", {{"account", "{\"id\":1}\n"}});
  rpc::Call call;
  call.user_id = kUser;
  call.cancelled = [] { return true; };
  ExportStream stream(call, sources_, absl::Now());
  v1::ExportMeResponse part;
  EXPECT_THAT(stream.Next(part), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(opened_, 0);
}

TEST_F(ExportStreamTest, OpensASourceOnlyWhenItsTurnHasCome) {
  std::mt19937_64 random(7);
  std::string lines;
  while (lines.size() < 1'000'000) absl::StrAppend(&lines, "{\"r\":", random(), "}\n");
  AddSource("", {{"account", lines}});
  AddSource("", {{"plays", ""}});
  rpc::Call call;
  call.user_id = kUser;
  ExportStream stream(call, sources_, absl::Now());
  v1::ExportMeResponse part;
  EXPECT_THAT(stream.Next(part), IsOkAndHolds(true));
  EXPECT_EQ(opened_, 1);
}

}  // namespace
}  // namespace playlog::auth
