#include "common/ingest/song_store_client.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/testing/matchers.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::ingest {
namespace {

using ::playlog::testing::IsOk;
using songs::v1::UpsertSongsRequest;
using songs::v1::UpsertSongsResponse;

// Answers when as many batches as expected are there at the same time.
class SlowSongStore final : public songs::v1::SongStoreService::Service {
 public:
  explicit SlowSongStore(int batches_at_once) : batches_at_once_(batches_at_once) {}

  grpc::Status UpsertSongs(grpc::ServerContext*, const UpsertSongsRequest* request,
                           UpsertSongsResponse* response) override {
    const absl::MutexLock lock(&mutex_);
    ++here_;
    const auto all_here = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return here_ >= batches_at_once_;
    };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&all_here), absl::Seconds(2))) {
      return {grpc::StatusCode::ABORTED, "the other batch has not come"};
    }
    if (request->plays(0).title() == refused_title_) {
      return {grpc::StatusCode::UNAVAILABLE, "the database is away"};
    }
    response->set_inserted(request->plays_size() - 1);
    response->set_unchanged(1);
    return grpc::Status::OK;
  }
  void Refuse(const std::string& title) {
    const absl::MutexLock lock(&mutex_);
    refused_title_ = title;
  }

 private:
  const int batches_at_once_;
  absl::Mutex mutex_;
  int here_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string refused_title_ ABSL_GUARDED_BY(mutex_);
};

std::vector<songs::v1::Play> Plays(int count) {
  std::vector<songs::v1::Play> plays(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    plays[static_cast<std::size_t>(i)].set_title(absl::StrCat("Title ", i));
  }
  return plays;
}

class SongStoreClientTest : public ::testing::Test {
 protected:
  absl::StatusOr<StoreCounts> Store(SlowSongStore& store, int plays) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&store);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    const auto client = MakeSongStoreClient(server->InProcessChannel({}), songs::v1::SOURCE_LASTFM);
    rpc::Call call;
    call.deadline = absl::Now() + absl::Seconds(30);
    absl::StatusOr<StoreCounts> counts = client->Store(call, 1, "backfill", Plays(plays));
    server->Shutdown();
    return counts;
  }
};

TEST_F(SongStoreClientTest, StoresTwoBatchesAtATimeAndAddsUpAll) {
  SlowSongStore store(2);
  const auto counts = Store(store, 2'500);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->inserted, 2'497);
  EXPECT_EQ(counts->unchanged, 3);
}

TEST_F(SongStoreClientTest, FailsIfEitherBatchFails) {
  for (const char* first_of_batch : {"Title 0", "Title 1000"}) {
    SCOPED_TRACE(first_of_batch);
    SlowSongStore store(2);
    store.Refuse(first_of_batch);
    EXPECT_TRUE(absl::IsUnavailable(Store(store, 2'000).status()));
  }
}

}  // namespace
}  // namespace playlog::ingest
