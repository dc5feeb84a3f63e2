#ifndef PLAYLOG_SERVICES_SONG_STORE_FAKE_STORE_H_
#define PLAYLOG_SERVICES_SONG_STORE_FAKE_STORE_H_

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/testing/fake_row_export.h"
#include "services/song_store/store.h"

namespace playlog::song_store {

// The store in memory, for tests.
class FakeSongStore final : public SongStore {
 public:
  absl::StatusOr<UpsertCounts> Upsert(const Batch& batch, absl::Time deadline) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    if (erased_.contains(batch.user_id)) return UserErasedError();
    UpsertCounts counts;
    for (const KeyedPlay& keyed : batch.plays) {
      const Key key{batch.user_id, keyed.played_at, keyed.digest};
      const auto known = plays_.find(key);
      if (known == plays_.end()) {
        plays_[key] = Stored{++last_id_, batch.source, *keyed.play};
        ++counts.inserted;
      } else {
        ++(Complete(known->second.play, *keyed.play) ? counts.updated : counts.unchanged);
      }
    }
    if (counts.inserted + counts.updated > 0) ++revisions_[batch.user_id];
    return counts;
  }

  absl::StatusOr<std::int64_t> Read(const Query& query, absl::Time deadline,
                                    SongRun& songs) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    std::map<std::pair<std::int64_t, std::int64_t>, songs::v1::Song> ordered;
    for (const auto& [key, stored] : plays_) {
      const std::int64_t played_at_us = absl::ToUnixMicros(std::get<absl::Time>(key));
      if (std::get<0>(key) != query.user_id) continue;
      if (query.source != songs::v1::SOURCE_UNSPECIFIED && query.source != stored.source) continue;
      const std::pair place(played_at_us, stored.id);
      if (query.after.has_value() &&
          place >= std::pair(query.after->played_at_us, query.after->id)) {
        continue;
      }
      ordered[place] = MakeSong(stored, played_at_us);
    }
    int left = query.limit;
    for (auto song = ordered.rbegin(); song != ordered.rend() && left > 0; ++song, --left) {
      songs.Add({song->first.first, song->first.second}, song->second.SerializeAsString());
    }
    const auto revision = revisions_.find(query.user_id);
    return revision == revisions_.end() ? 0 : revision->second;
  }

  absl::StatusOr<std::int64_t> Count(const CountQuery& query, absl::Time deadline) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    return std::count_if(plays_.begin(), plays_.end(), [&](const auto& play) {
      const auto& [user_id, played_at, digest] = play.first;
      return user_id == query.user_id && play.second.source == query.source &&
             played_at >= query.from.value_or(absl::InfinitePast()) &&
             played_at < query.until.value_or(absl::InfiniteFuture());
    });
  }

  absl::StatusOr<std::map<std::int64_t, std::int64_t>> Revisions(
      std::span<const std::int64_t> user_ids, absl::Time deadline) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    std::map<std::int64_t, std::int64_t> revisions;
    for (const std::int64_t user_id : user_ids) {
      const auto known = revisions_.find(user_id);
      revisions[user_id] = known == revisions_.end() ? 0 : known->second;
    }
    return revisions;
  }

  absl::Status MarkErased(std::int64_t user_id, absl::Time deadline) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    erased_.insert(user_id);
    ++revisions_[user_id];
    return absl::OkStatus();
  }

  absl::StatusOr<std::int64_t> Erase(std::int64_t user_id, int limit,
                                     absl::Time deadline) override {
    const absl::MutexLock lock(&mutex_);
    if (absl::Now() >= deadline) return TooLate();
    std::int64_t erased = 0;
    for (auto play = plays_.begin(); play != plays_.end() && erased < limit;) {
      const bool mine = std::get<0>(play->first) == user_id;
      play = mine ? plays_.erase(play) : std::next(play);
      erased += mine ? 1 : 0;
    }
    if (erased > 0) ++revisions_[user_id];
    return erased;
  }

  // Of a batch it knows only that there was one.
  std::unique_ptr<RowExport> Export(std::int64_t user_id) override {
    const absl::MutexLock lock(&mutex_);
    std::vector<ExportedRows> steps = {{"plays", ""}};
    std::set<std::string> sources;
    for (const auto& [key, stored] : plays_) {
      if (std::get<0>(key) != user_id) continue;
      const std::string source = stored.source == songs::v1::SOURCE_SPOTIFY ? "spotify" : "lastfm";
      sources.insert(source);
      if (steps.back().lines.size() >= kExportedBytes) steps.push_back({"plays", ""});
      absl::StrAppend(&steps.back().lines, "{\"id\":", stored.id, ",\"played_at\":\"",
                      absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", std::get<absl::Time>(key),
                                       absl::UTCTimeZone()),
                      "\",\"source\":\"", source,
                      "\",\"title\":", testing::JsonString(stored.play.title()), "}\n");
    }
    steps.push_back({"batches", ""});
    for (const std::string& source : sources) {
      absl::StrAppend(&steps.back().lines, "{\"source\":\"", source, "\"}\n");
    }
    return std::make_unique<testing::FakeRowExport>(std::move(steps));
  }

 private:
  using Key = std::tuple<std::int64_t, absl::Time, std::string>;
  struct Stored {
    std::int64_t id;
    songs::v1::Source source;
    songs::v1::Play play;
  };

  static songs::v1::Song MakeSong(const Stored& stored, std::int64_t played_at_us) {
    using Song = songs::v1::Song;
    const songs::v1::Play& play = stored.play;
    Song song;
    song.set_id(stored.id);
    song.set_source(stored.source);
    *song.mutable_played_at() =
        google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(played_at_us);
    song.set_title(play.title());
    song.set_artist(play.artist());
    song.set_album(play.album());
    song.set_album_thumbnail(play.album_thumbnail());
    song.set_track_url(play.track_url());
    song.set_artists_url(play.artists_url());
    song.set_duration_ms(play.duration_ms());
    song.set_loved(play.loved());
    song.set_streamable(play.streamable());
    const auto set_if_known = [&song](const std::string& text, std::string* (Song::*field)()) {
      if (!text.empty()) *(song.*field)() = text;
    };
    set_if_known(play.artist_lastfm_url(), &Song::mutable_artist_lastfm_url);
    set_if_known(play.track_mbid(), &Song::mutable_track_mbid);
    set_if_known(play.artist_mbid(), &Song::mutable_artist_mbid);
    set_if_known(play.album_mbid(), &Song::mutable_album_mbid);
    set_if_known(play.album_thumbnail_small(), &Song::mutable_album_thumbnail_small);
    set_if_known(play.album_thumbnail_medium(), &Song::mutable_album_thumbnail_medium);
    set_if_known(play.album_thumbnail_large(), &Song::mutable_album_thumbnail_large);
    set_if_known(play.album_thumbnail_extralarge(), &Song::mutable_album_thumbnail_extralarge);
    return song;
  }

  static absl::Status TooLate() {
    return Error(errors::v1::ERROR_CODE_DEADLINE_EXCEEDED, "The store did not answer in time");
  }

  absl::Mutex mutex_;
  std::map<Key, Stored> plays_ ABSL_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::int64_t> revisions_ ABSL_GUARDED_BY(mutex_);
  std::set<std::int64_t> erased_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_FAKE_STORE_H_
