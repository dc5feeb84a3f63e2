#include "services/song_store/csv.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace playlog::song_store {
namespace {

std::string Cell(const std::string& text) {
  std::string cell;
  AppendCsvText(text, cell);
  return cell;
}

TEST(CsvTest, QuotesWhatNeedsIt) {
  EXPECT_EQ(Cell(""), "");
  EXPECT_EQ(Cell("Plain text 1"), "Plain text 1");
  EXPECT_EQ(Cell("a, b"), "\"a, b\"");
  EXPECT_EQ(Cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(Cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(Cell("two\r\nlines"), "\"two\r\nlines\"");
  EXPECT_EQ(Cell("\""), "\"\"\"\"");
  EXPECT_EQ(Cell("Bj\u00f6rk \u266b"), "Bj\u00f6rk \u266b");
}

TEST(CsvTest, DefusesFormulas) {
  EXPECT_EQ(Cell("=1+1"), "'=1+1");
  EXPECT_EQ(Cell("+49"), "'+49");
  EXPECT_EQ(Cell("-1"), "'-1");
  EXPECT_EQ(Cell("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(Cell("\tx"), "'\tx");
  EXPECT_EQ(Cell("\rx"), "\"'\rx\"");
  EXPECT_EQ(Cell("=HYPERLINK(\"http://a\",\"b\")"), "\"'=HYPERLINK(\"\"http://a\"\",\"\"b\"\")\"");
  EXPECT_EQ(Cell("a=b"), "a=b");
}

TEST(CsvTest, WritesALineForASong) {
  songs::v1::ListedSong song;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(song { id: 7 title: "T, 1" artist: "=A" album: "B" played_at { seconds: 1705329000
           nanos: 123000000 } album_thumbnail: "https://i/x" duration_ms: 210000
           source: SOURCE_LASTFM track_mbid: "m" loved: true }
         user_id: 3 username: "ann" batch_id: 9)",
      &song));
  std::string line;
  AppendCsv(song, line);
  EXPECT_EQ(line,
            "7,2024-01-15T14:30:00.123Z,3,ann,\"T, 1\",'=A,B,lastfm,210000,true,false,,,,m,,,"
            "https://i/x,,,,,9\r\n");
  const std::string header = CsvHeader();
  EXPECT_EQ(std::count(header.begin(), header.end(), ','),
            std::count(line.begin(), line.end(), ',') - 1);  // One is in the title.
}

}  // namespace
}  // namespace playlog::song_store
