#include "services/song_store/testing.h"

#include <google/protobuf/util/time_util.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "common/db/migrate.h"
#include "services/song_store/listing_filler.h"
#include "song_store_migrations.h"

namespace playlog::song_store {
namespace {

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

songs::v1::Play PlayAt(std::int64_t played_at_us, const std::string& title) {
  songs::v1::Play play;
  play.set_title(title);
  play.set_artist("Artist");
  *play.mutable_played_at() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(played_at_us);
  return play;
}

TestBatch BatchOf(const std::vector<songs::v1::Play>& plays, std::int64_t user_id,
                  songs::v1::Source source) {
  auto request = std::make_unique<songs::v1::UpsertSongsRequest>();
  request->set_user_id(user_id);
  request->set_source(source);
  request->set_origin("fetch");
  for (const songs::v1::Play& play : plays) *request->add_plays() = play;
  absl::StatusOr<Batch> batch = MakeBatch(*request);
  Require(batch.status());
  return {std::move(request), *std::move(batch)};
}

std::vector<songs::v1::Song> MessagesOf(const SongRun& songs) {
  songs::v1::GetStoredSongsResponse answer;
  for (int i = 0; i < songs.size(); ++i) {
    if (!answer.MergeFromString(std::string(songs.Record(i)))) {
      Require(absl::InternalError("a song that was read is malformed"));
    }
  }
  return {answer.results().begin(), answer.results().end()};
}

void FillListing(db::Pool& pool) {
  ListingFiller filler(pool);
  while (true) {
    const absl::StatusOr<bool> worked = filler.Step();
    Require(worked.status());
    if (!*worked) return;
  }
}

PostgresFixture::PostgresFixture(std::unique_ptr<testing::TestDatabase> database)
    : database_(std::move(database)) {
  Require(db::Migrate({.url = Secret(database_->url()),
                       .schema = "song_store",
                       .files = SongStoreMigrations(),
                       .deadline = Soon()}));
  // Waits are long, so that a test of concurrency is not one of a busy machine.
  auto pool = db::Pool::Create({.url = Secret(database_->url()),
                                .schema = "song_store",
                                .wait = absl::Seconds(20),
                                .statement_timeout = absl::Seconds(20),
                                .lock_timeout = absl::Seconds(20)});
  Require(pool.status());
  pool_ = *std::move(pool);
  store_ = std::make_unique<PostgresSongStore>(*pool_);
}

}  // namespace playlog::song_store
