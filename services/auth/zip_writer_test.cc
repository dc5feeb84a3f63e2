#include "services/auth/zip_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/testing/matchers.h"

namespace playlog::auth {
namespace {

using ::playlog::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::Pair;

const absl::Time kTime = absl::FromUnixSeconds(1'700'000'000);

// The files of a ZIP file by their names; nothing if it does not read as a whole one.
std::optional<std::map<std::string, std::string>> Unzip(const std::string& zip) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_memory(reader.get(), zip.data(), zip.size()) != ARCHIVE_OK) {
    return std::nullopt;
  }
  std::map<std::string, std::string> files;
  archive_entry* entry = nullptr;
  int result = 0;
  while ((result = archive_read_next_header(reader.get(), &entry)) == ARCHIVE_OK) {
    std::string& file = files[archive_entry_pathname(entry)];
    EXPECT_EQ(archive_entry_mtime(entry), absl::ToUnixSeconds(kTime));
    char buffer[16384];
    la_ssize_t size = 0;
    while ((size = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0) {
      file.append(buffer, static_cast<std::size_t>(size));
    }
    if (size < 0) return std::nullopt;
  }
  if (result != ARCHIVE_EOF) return std::nullopt;
  return files;
}

TEST(ZipWriter, WritesFilesThatReadAsTheyWereWritten) {
  ZipWriter zip;
  std::string bytes;
  EXPECT_THAT(zip.BeginFile("first.txt", kTime), IsOk());
  EXPECT_THAT(zip.Append("one, "), IsOk());
  EXPECT_THAT(zip.Append(""), IsOk());
  EXPECT_THAT(zip.Append("two"), IsOk());
  EXPECT_THAT(zip.BeginFile("empty.jsonl", kTime), IsOk());
  EXPECT_THAT(zip.BeginFile("long.jsonl", kTime), IsOk());
  std::string text;
  for (int i = 0; i < 50'000; ++i) {
    const std::string line = "{\"id\":" + std::to_string(i * 7919) + "}\n";
    EXPECT_THAT(zip.Append(line), IsOk());
    text += line;
    bytes += zip.TakeBytes();
    EXPECT_EQ(zip.pending(), 0U);
  }
  EXPECT_THAT(zip.Finish(), IsOk());
  bytes += zip.TakeBytes();
  EXPECT_LT(bytes.size(), text.size() / 2);
  const auto files = Unzip(bytes);
  ASSERT_TRUE(files.has_value());
  EXPECT_THAT(*files, ElementsAre(Pair("empty.jsonl", ""), Pair("first.txt", "one, two"),
                                  Pair("long.jsonl", text)));
}

TEST(ZipWriter, ReadsAsAWholeFileOnlyAtItsEnd) {
  ZipWriter zip;
  std::string bytes;
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_THAT(zip.BeginFile(name, kTime), IsOk());
    EXPECT_THAT(zip.Append(std::string(100'000, *name)), IsOk());
    bytes += zip.TakeBytes();
    EXPECT_FALSE(Unzip(bytes).has_value());
  }
  EXPECT_THAT(zip.Finish(), IsOk());
  bytes += zip.TakeBytes();
  EXPECT_TRUE(Unzip(bytes).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Unzip(bytes.substr(0, size)).has_value()) << size << " of " << bytes.size();
  }
}

TEST(ZipWriter, MayBeGivenUpAtAnyPoint) {
  { const ZipWriter unused; }
  ZipWriter begun;
  EXPECT_THAT(begun.BeginFile("file", kTime), IsOk());
  ZipWriter written;
  EXPECT_THAT(written.BeginFile("file", kTime), IsOk());
  EXPECT_THAT(written.Append(std::string(1'000'000, 'x')), IsOk());
}

}  // namespace
}  // namespace playlog::auth
