#include "services/gateway/answer_cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace playlog::gateway {
namespace {

constexpr std::size_t kPlenty = 1 << 20;

TEST(AnswerCache, FindsAnAnswerOfTheRevisionAlone) {
  AnswerCache cache(kPlenty);
  EXPECT_EQ(cache.Find("key", 7), nullptr);
  cache.Keep("key", 7, "body");
  ASSERT_NE(cache.Find("key", 7), nullptr);
  EXPECT_EQ(*cache.Find("key", 7), "body");
  EXPECT_EQ(cache.Find("key", 6), nullptr);
  EXPECT_EQ(cache.Find("key", 8), nullptr);
  EXPECT_EQ(cache.Find("other", 7), nullptr);
}

TEST(AnswerCache, KeepsTheLastAnswerOfAKey) {
  AnswerCache cache(kPlenty);
  cache.Keep("key", 7, "seven");
  const std::size_t bytes = cache.bytes();
  cache.Keep("key", 8, "eight");
  EXPECT_EQ(cache.Find("key", 7), nullptr);
  EXPECT_EQ(*cache.Find("key", 8), "eight");
  EXPECT_EQ(cache.bytes(), bytes);
}

TEST(AnswerCache, MakesRoomByWhatWasUsedLongestAgo) {
  AnswerCache cache(10'000);
  const std::string body(2'000, 'x');
  for (const char* key : {"a", "b", "c", "d"}) cache.Keep(key, 1, body);
  ASSERT_NE(cache.Find("a", 1), nullptr);
  cache.Keep("e", 1, body);
  EXPECT_NE(cache.Find("a", 1), nullptr);
  EXPECT_EQ(cache.Find("b", 1), nullptr);
  EXPECT_NE(cache.Find("e", 1), nullptr);
}

TEST(AnswerCache, NeverTakesMoreThanItMay) {
  AnswerCache cache(50'000);
  for (int i = 0; i < 1'000; ++i) {
    cache.Keep(absl::StrCat("key ", i), i, std::string(static_cast<std::size_t>(i * 7), 'x'));
    ASSERT_LE(cache.bytes(), 50'000U);
  }
  EXPECT_GT(cache.bytes(), 40'000U);
}

TEST(AnswerCache, KeepsNothingThatIsTooLarge) {
  AnswerCache cache(kPlenty);
  cache.Keep("key", 1, std::string(AnswerCache::kBodyBytesMax + 1, 'x'));
  EXPECT_EQ(cache.Find("key", 1), nullptr);
  AnswerCache small(1'000);
  small.Keep("a", 1, "x");
  small.Keep("b", 1, std::string(1'000, 'x'));
  EXPECT_NE(small.Find("a", 1), nullptr);
  EXPECT_EQ(small.Find("b", 1), nullptr);
  AnswerCache none(0);
  none.Keep("a", 1, "");
  EXPECT_EQ(none.Find("a", 1), nullptr);
  EXPECT_EQ(none.bytes(), 0U);
}

TEST(AnswerCache, LeavesABodyToWhoStillSendsIt) {
  AnswerCache cache(kPlenty);
  cache.Keep("key", 1, "old");
  const AnswerCache::Body body = cache.Find("key", 1);
  cache.Keep("key", 2, "new");
  EXPECT_EQ(*body, "old");
}

TEST(AnswerCache, ServesManyAtOnce) {
  AnswerCache cache(5'000);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 5'000; ++i) {
        const std::string key = absl::StrCat(i % 20);
        const AnswerCache::Body body = cache.Find(key, 1);
        if (body == nullptr) {
          cache.Keep(key, 1, key + std::string(300, 'x'));
        } else {
          ASSERT_EQ(*body, key + std::string(300, 'x'));
        }
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache.bytes(), 5'000U);
}

}  // namespace
}  // namespace playlog::gateway
