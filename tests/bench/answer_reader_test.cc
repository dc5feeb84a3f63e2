#include "tests/bench/answer_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace playlog::bench {
namespace {

// Feeds a text in pieces of a size, as a socket may give it.
AnswerReader Read(std::string_view text, std::size_t piece) {
  AnswerReader reader;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.Feed(text.substr(0, piece));
  }
  return reader;
}

constexpr std::string_view kWithLength =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n and so "
    "on.\r\n0\r\n\r\n";

TEST(AnswerReader, CountsABodyWithALengthHoweverItComes) {
  for (const std::size_t piece : {1, 2, 7, 1000}) {
    const AnswerReader reader = Read(kWithLength, piece);
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.status(), 200);
    EXPECT_EQ(reader.body_bytes(), 5U);
    EXPECT_FALSE(reader.last_of_connection());
  }
}

TEST(AnswerReader, CountsAChunkedBodyHoweverItComes) {
  for (const std::size_t piece : {1, 2, 7, 1000}) {
    const AnswerReader reader = Read(kChunked, piece);
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.body_bytes(), 16U);
  }
}

TEST(AnswerReader, IsNotDoneBeforeTheLastChunk) {
  AnswerReader reader = Read(kChunked.substr(0, kChunked.size() - 5), 1000);
  EXPECT_FALSE(reader.done());
  reader.Close();
  EXPECT_TRUE(reader.broken());
}

TEST(AnswerReader, TakesABodyThatEndsWithTheConnection) {
  AnswerReader reader = Read("HTTP/1.0 404 Not Found\r\n\r\nnothing", 4);
  EXPECT_FALSE(reader.done());
  reader.Close();
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.status(), 404);
  EXPECT_EQ(reader.body_bytes(), 7U);
  EXPECT_TRUE(reader.last_of_connection());
}

TEST(AnswerReader, ExpectsNoBodyOfWhatIsNotModified) {
  for (const char* fields : {"", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const std::string text =
        std::string("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n") + fields + "\r\n";
    const AnswerReader reader = Read(text, 1000);
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.status(), 304);
    EXPECT_EQ(reader.body_bytes(), 0U);
    EXPECT_FALSE(reader.last_of_connection());
  }
}

TEST(AnswerReader, SeesThatTheServerWillClose) {
  const AnswerReader reader =
      Read("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 1000);
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.last_of_connection());
}

TEST(AnswerReader, IsBrokenByBytesBehindTheEnd) {
  AnswerReader reader = Read(kWithLength, 1000);
  reader.Feed("x");
  EXPECT_TRUE(reader.broken());
}

TEST(AnswerReader, IsBrokenByWhatIsNoHttp) {
  EXPECT_TRUE(Read("nonsense\r\n", 1000).broken());
  EXPECT_TRUE(Read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 1000).broken());
}

}  // namespace
}  // namespace playlog::bench
