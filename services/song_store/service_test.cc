#include "services/song_store/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/matchers.h"
#include "services/song_store/fake_store.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using songs::v1::EraseSongsRequest;
using songs::v1::GetStoredSongsRequest;
using songs::v1::GetStoredSongsResponse;
using songs::v1::Song;
using songs::v1::UpsertSongsRequest;

constexpr auto kInvalidField = errors::v1::ERROR_CODE_INVALID_FIELD;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override {
    return absl::UnauthenticatedError("no tokens here");
  }
};

class SongStoreServiceTest : public ::testing::Test {
 protected:
  SongStoreServiceTest()
      : cursors_(*CursorCodec::Create(Secret("3f9a71c04be852d6f0a17c39e6b4d82a"))),
        dispatcher_({.workers = 1, .queue = 1}, verifier_),
        service_(store_, cursors_, dispatcher_) {
    call_.user_id = 1;
  }

  // Stores plays one second apart, every third of them from Last.fm.
  void Store(int count, const std::string& filler = "") {
    for (int i = 0; i < count; ++i) {
      UpsertSongsRequest request;
      request.set_user_id(1);
      request.set_source(i % 3 == 0 ? songs::v1::SOURCE_LASTFM : songs::v1::SOURCE_SPOTIFY);
      request.set_origin("fetch");
      request.add_plays()->set_title(absl::StrCat("Title ", i));
      request.mutable_plays(0)->set_album(filler);
      request.mutable_plays(0)->mutable_played_at()->set_seconds(i);
      ASSERT_THAT(service_.UpsertSongs(call_, request), IsOk());
    }
  }

  std::vector<GetStoredSongsResponse> Parts(const GetStoredSongsRequest& request) {
    auto stream = service_.GetStoredSongs(call_, request);
    EXPECT_THAT(stream, IsOk());
    std::vector<GetStoredSongsResponse> parts;
    while (stream.ok()) {
      grpc::ByteBuffer bytes;
      const absl::StatusOr<bool> more = (*stream)->Next(bytes);
      EXPECT_THAT(more, IsOk());
      if (!more.ok() || !*more) break;
      GetStoredSongsResponse part;
      EXPECT_TRUE(
          grpc::SerializationTraits<GetStoredSongsResponse>::Deserialize(&bytes, &part).ok());
      parts.push_back(std::move(part));
    }
    return parts;
  }

  // The parts as the one message that they are.
  GetStoredSongsResponse Get(const GetStoredSongsRequest& request) {
    GetStoredSongsResponse whole;
    for (const GetStoredSongsResponse& part : Parts(request)) whole.MergeFrom(part);
    return whole;
  }

  FakeSongStore store_;
  NoTokens verifier_;
  CursorCodec cursors_;
  rpc::Dispatcher dispatcher_;
  SongStoreService service_;
  rpc::Call call_;
};

TEST_F(SongStoreServiceTest, AnswersOnePartWithoutNextForNoSongs) {
  const auto parts = Parts({});
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].results_size(), 0);
  EXPECT_FALSE(parts[0].has_next());
}

TEST_F(SongStoreServiceTest, StreamsEverySongNewestFirstInBoundedParts) {
  Store(700, std::string(900, 'a'));
  const auto parts = Parts({});
  EXPECT_GT(parts.size(), 8U);
  EXPECT_LE(parts[0].results_size(), 64);
  int next = 699;
  for (const auto& part : parts) {
    EXPECT_LE(part.ByteSizeLong(), 68U * 1024);
    EXPECT_FALSE(part.has_next());
    for (const Song& song : part.results()) {
      EXPECT_EQ(song.title(), absl::StrCat("Title ", next--));
    }
  }
  EXPECT_EQ(next, -1);
}

TEST_F(SongStoreServiceTest, StreamsWithoutAnEmptyPartAtTheEnd) {
  // Both runs of rows are full, so the end is found by an empty third.
  Store(64 + 256);
  const auto parts = Parts({});
  for (const auto& part : parts) EXPECT_GT(part.results_size(), 0);
  EXPECT_EQ(Get({}).results_size(), 64 + 256);
}

TEST_F(SongStoreServiceTest, PagesThroughAllSongs) {
  Store(200);
  for (const int limit : {1, 7, 63, 64, 65, 100, 199, 200, 201, 1000}) {
    GetStoredSongsRequest request;
    request.set_limit(limit);
    int next = 199;
    while (true) {
      const GetStoredSongsResponse page = Get(request);
      ASSERT_TRUE(page.has_next());
      EXPECT_LE(page.results_size(), limit);
      for (const Song& song : page.results()) {
        EXPECT_EQ(song.title(), absl::StrCat("Title ", next--));
      }
      if (page.next().empty()) break;
      EXPECT_EQ(page.results_size(), limit);
      request.set_cursor(page.next());
    }
    EXPECT_EQ(next, -1) << limit;
  }
}

TEST_F(SongStoreServiceTest, AnswersAPageOfNoSongsWithAnEmptyNext) {
  GetStoredSongsRequest request;
  request.set_limit(5);
  const auto parts = Parts(request);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts[0].has_next());
  EXPECT_EQ(parts[0].next(), "");
}

TEST_F(SongStoreServiceTest, TakesFiftySongsForACursorWithoutALimit) {
  Store(120);
  GetStoredSongsRequest request;
  request.set_limit(10);
  const std::string cursor = Get(request).next();
  request.clear_limit();
  request.set_cursor(cursor);
  EXPECT_EQ(Get(request).results_size(), 50);
}

TEST_F(SongStoreServiceTest, FiltersBySource) {
  Store(30);
  GetStoredSongsRequest request;
  request.set_source(songs::v1::SOURCE_LASTFM);
  EXPECT_EQ(Get(request).results_size(), 10);
  request.set_limit(4);
  request.set_cursor(Get(request).next());
  EXPECT_EQ(Get(request).results(0).title(), "Title 15");
}

TEST_F(SongStoreServiceTest, RefusesCursorsOfOtherQueries) {
  Store(30);
  GetStoredSongsRequest request;
  request.set_limit(4);
  request.set_cursor(Get(request).next());
  EXPECT_THAT(service_.GetStoredSongs(call_, request), IsOk());
  request.set_source(songs::v1::SOURCE_LASTFM);
  EXPECT_THAT(service_.GetStoredSongs(call_, request), ErrorIs(kInvalidField));
  request.clear_source();
  call_.user_id = 2;
  EXPECT_THAT(service_.GetStoredSongs(call_, request), ErrorIs(kInvalidField));
  call_.user_id = 1;
  for (const char* cursor : {"", "garbage", "AAAA", "%00"}) {
    request.set_cursor(cursor);
    const absl::Status status = service_.GetStoredSongs(call_, request).status();
    EXPECT_THAT(status, ErrorIs(kInvalidField)) << cursor;
    EXPECT_EQ(FieldOf(status), "cursor");
  }
}

TEST_F(SongStoreServiceTest, NamesTheLimitsOfItsParameters) {
  for (const int limit : {0, -1, 1001}) {
    GetStoredSongsRequest request;
    request.set_limit(limit);
    const absl::Status status = service_.GetStoredSongs(call_, request).status();
    EXPECT_THAT(status, ErrorIs(kInvalidField)) << limit;
    EXPECT_EQ(std::string(status.message()), "Invalid limit: must be an integer from 1 to 1000");
  }
  for (const int source : {0, 3, 77}) {
    GetStoredSongsRequest request;
    request.set_source(static_cast<songs::v1::Source>(source));
    EXPECT_THAT(service_.GetStoredSongs(call_, request), ErrorIs(kInvalidField)) << source;
  }
}

TEST_F(SongStoreServiceTest, CountsWhatABatchChanged) {
  UpsertSongsRequest request;
  request.set_user_id(1);
  request.set_source(songs::v1::SOURCE_LASTFM);
  request.set_origin("fetch");
  EXPECT_THAT(service_.UpsertSongs(call_, request), IsOk());
  request.add_plays()->set_title("Title");
  request.mutable_plays(0)->mutable_played_at()->set_seconds(5);
  auto response = service_.UpsertSongs(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->inserted(), 1);
  request.mutable_plays(0)->set_loved(true);
  response = service_.UpsertSongs(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->updated(), 1);
  request.mutable_plays(0)->clear_title();
  EXPECT_THAT(service_.UpsertSongs(call_, request), ErrorIs(kInvalidField));
}

TEST_F(SongStoreServiceTest, CountsSongsOfASpan) {
  Store(9);
  songs::v1::CountSongsRequest request;
  request.set_user_id(1);
  request.set_source(songs::v1::SOURCE_LASTFM);
  const auto count = [&] {
    const auto response = service_.CountSongs(call_, request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? response->count() : -1;
  };
  EXPECT_EQ(count(), 3);
  request.mutable_from()->set_seconds(3);
  EXPECT_EQ(count(), 2);
  request.mutable_until()->set_seconds(6);
  EXPECT_EQ(count(), 1);
  request.mutable_until()->set_nanos(1'000);
  EXPECT_EQ(count(), 2);
}

TEST_F(SongStoreServiceTest, CountsNothingForARequestThatIsNotClear) {
  songs::v1::CountSongsRequest request;
  request.set_user_id(1);
  EXPECT_EQ(FieldOf(service_.CountSongs(call_, request).status()), "source");
  request.set_source(songs::v1::SOURCE_SPOTIFY);
  request.mutable_until()->set_nanos(-1);
  EXPECT_EQ(FieldOf(service_.CountSongs(call_, request).status()), "until");
  request.clear_until();
  request.mutable_from()->set_seconds(1'000'000'000'000);
  EXPECT_EQ(FieldOf(service_.CountSongs(call_, request).status()), "from");
  request.clear_from();
  request.set_user_id(0);
  EXPECT_EQ(FieldOf(service_.CountSongs(call_, request).status()), "user_id");
}

TEST_F(SongStoreServiceTest, ErasesEverySongOfAUserHoweverMany) {
  Store(2'100);
  EraseSongsRequest request;
  EXPECT_THAT(service_.EraseSongs(call_, request), ErrorIs(kInvalidField));
  request.set_user_id(1);
  auto response = service_.EraseSongs(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->erased(), 2'100);
  response = service_.EraseSongs(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->erased(), 0);
}

TEST_F(SongStoreServiceTest, TakesNothingInOfAnErasedUser) {
  EraseSongsRequest request;
  request.set_user_id(1);
  ASSERT_THAT(service_.EraseSongs(call_, request), IsOk());
  UpsertSongsRequest upsert;
  upsert.set_user_id(1);
  upsert.set_source(songs::v1::SOURCE_SPOTIFY);
  upsert.set_origin("fetch");
  upsert.add_plays()->set_title("Title");
  upsert.mutable_plays(0)->mutable_played_at()->set_seconds(5);
  EXPECT_THAT(service_.UpsertSongs(call_, upsert), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_F(SongStoreServiceTest, ExportsEveryTableOfAUser) {
  Store(2'100);
  songs::v1::ExportSongsRequest request;
  EXPECT_THAT(service_.ExportSongs(call_, request), ErrorIs(kInvalidField));
  request.set_user_id(1);
  const auto stream = service_.ExportSongs(call_, request);
  ASSERT_THAT(stream, IsOk());
  std::map<std::string, std::string> tables;
  songs::v1::ExportSongsResponse part;
  for (absl::StatusOr<bool> more = (*stream)->Next(part); more.ok() && *more;
       more = (*stream)->Next(part)) {
    tables[part.table()] += part.rows();
    part.Clear();
  }
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(std::count(tables["plays"].begin(), tables["plays"].end(), '\n'), 2'100);
  EXPECT_NE(tables["batches"], "");
}

}  // namespace
}  // namespace playlog::song_store
