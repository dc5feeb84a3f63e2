#include "services/song_store/listing.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/song_store/song_row.h"

namespace playlog::song_store {
namespace {

using google::protobuf::RepeatedPtrField;
using songs::v1::ListedSong;
using songs::v1::SongBatch;
using songs::v1::Source;

// An index of words is read by a bitmap alone.
constexpr db::Statement kAllowBitmaps{"listing_allow_bitmaps", "SET LOCAL enable_bitmapscan = on"};

constexpr db::Statement kFold{"listing_fold", R"sql(
SELECT fold(word) FROM unnest($1::text[]) WITH ORDINALITY AS given (word, place)
ORDER BY place)sql"};

constexpr db::Statement kSongs{"listing_songs", R"sql(
SELECT song.*, wanted.user_id, wanted.batch_id
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[]) WITH ORDINALITY
  AS wanted (id, user_id, played_at, batch_id, place)
CROSS JOIN LATERAL (
  SELECT )sql" PLAYLOG_SONG_COLUMNS R"sql( FROM plays
  WHERE plays.user_id = wanted.user_id AND plays.played_at = wanted.played_at
    AND plays.id = wanted.id LIMIT 1
) AS song
ORDER BY wanted.place)sql"};

constexpr db::Statement kPlace{"listing_place", R"sql(
SELECT id, user_id, played_at, batch_id, track_id, '' FROM listed_plays WHERE id = $1)sql"};

#define PLAYLOG_BATCH_COLUMNS "id, user_id, source, origin, created_at, inserted, updated"
constexpr db::Statement kBatch{"listing_batch",
                               "SELECT " PLAYLOG_BATCH_COLUMNS " FROM batches WHERE id = $1"};

void SetTime(absl::Time time, google::protobuf::Timestamp* message) {
  *message = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

ListPosition ReadPlace(const db::Row& row) {
  return {.key = std::string(row.Text(5)),
          .track_id = row.Int64(4),
          .user_id = row.Int64(1),
          .batch_id = row.Int64(3),
          .played_at_us = absl::ToUnixMicros(row.Time(2)),
          .id = row.Int64(0)};
}

std::vector<ListPosition> ReadPlaces(const db::Rows& rows) {
  std::vector<ListPosition> places;
  places.reserve(rows.size());
  for (const db::Row row : rows) places.push_back(ReadPlace(row));
  return places;
}

void ReadBatch(const db::Row& row, SongBatch& batch) {
  batch.set_id(row.Int64(0));
  batch.set_user_id(row.Int64(1));
  batch.set_source(static_cast<Source>(row.Int32(2)));
  batch.set_origin(std::string(row.Text(3)));
  SetTime(row.Time(4), batch.mutable_created_at());
  batch.set_inserted(row.Int32(5));
  batch.set_updated(row.Int32(6));
}

// A list that is ordered by a column with few values is the lists of its values, one behind the
// other: the filters of these lists, in ascending order; a single one for any other column.
std::vector<Search> RunsOf(const Search& search, ListColumn column) {
  std::vector<Search> runs;
  const auto add = [&](auto ListFilter::*field, auto value) {
    if ((search.filter.*field).has_value() && search.filter.*field != value) return;
    runs.push_back(search);
    runs.back().filter.*field = value;
  };
  switch (column) {
    case ListColumn::kSource:
      add(&ListFilter::source, songs::v1::SOURCE_SPOTIFY);
      add(&ListFilter::source, songs::v1::SOURCE_LASTFM);
      return runs;
    case ListColumn::kLoved:
      add(&ListFilter::loved, false);
      add(&ListFilter::loved, true);
      return runs;
    case ListColumn::kStreamable:
      add(&ListFilter::streamable, false);
      add(&ListFilter::streamable, true);
      return runs;
    default:
      return {search};
  }
}

bool HasRuns(ListColumn column) {
  return column == ListColumn::kSource || column == ListColumn::kLoved ||
         column == ListColumn::kStreamable;
}

}  // namespace

db::PoolOptions ListingPoolOptions(const Secret& database_url) {
  return {.url = database_url,
          .schema = "song_store",
          .connections = 3,
          .statement_timeout = absl::Seconds(3),
          .settings =
              "-c enable_bitmapscan=off -c random_page_cost=1.1"
              " -c max_parallel_workers_per_gather=0"};
}

absl::StatusOr<db::Rows> Listing::Ask(std::string_view name, const ListSql& sql,
                                      absl::Time deadline) {
  return pool_.QueryParams(deadline, db::Effect::kIdempotent,
                           {.name = name, .sql = sql.text, .is_prepared = false}, sql.params);
}

absl::StatusOr<std::int64_t> Listing::AskNumber(std::string_view name, const ListSql& sql,
                                                absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, Ask(name, sql, deadline));
  return rows[0].Int64(0);
}

absl::StatusOr<Search> Listing::Find(ListFilter filter, absl::Time deadline) {
  Search search{.filter = std::move(filter)};
  search.folded_mbids.resize(kMbids);
  if (!search.HasText()) return search;
  db::Array texts;
  for (const ListWord& word : search.filter.words) texts.Add(word.text);
  for (const auto& mbid : search.filter.mbids) texts.Add(mbid.value_or(""));
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows folded,
                           pool_.Query(deadline, db::Effect::kIdempotent, kFold, std::move(texts)));
  const std::size_t words = search.filter.words.size();
  for (std::size_t i = 0; i < words; ++i) {
    search.folded_words.emplace_back(folded[i].Text(0));
    const auto& users = search.filter.words[i].user_ids;
    search.users.insert(search.users.end(), users.begin(), users.end());
  }
  for (int i = 0; i < kMbids; ++i) search.folded_mbids[i] = folded[words + i].Text(0);
  std::sort(search.users.begin(), search.users.end());
  search.users.erase(std::unique(search.users.begin(), search.users.end()), search.users.end());
  const ListSql find = FindTracksSql(search, limits_.tracks + 1);
  db::Rows tracks;
  PLAYLOG_RETURN_IF_ERROR(pool_.Run(
      deadline, db::Effect::kIdempotent, [&](db::Transaction& transaction) -> absl::Status {
        if (absl::Status status = transaction.Query(kAllowBitmaps).status(); !status.ok()) {
          return status;
        }
        absl::StatusOr<db::Rows> found = transaction.QueryParams(
            {.name = "listing_tracks", .sql = find.text, .is_prepared = false}, find.params);
        if (!found.ok()) return found.status();
        tracks = *std::move(found);
        return absl::OkStatus();
      }));
  search.tracks.reserve(tracks.size());
  for (const db::Row row : tracks) search.tracks.push_back(row.Int64(0));
  const int count = static_cast<int>(search.tracks.size());
  search.has_all_tracks = count <= limits_.tracks;
  search.has_few_users = static_cast<int>(search.users.size()) <= limits_.users_to_merge;
  search.is_by_sets =
      search.has_all_tracks && count <= limits_.tracks_to_merge && search.has_few_users;
  return search;
}

absl::StatusOr<Listing::Found> Listing::Walk(const Search& search, ListPath path, PageSql page,
                                             absl::Time deadline) {
  const bool spans_are_filtered =
      page.order.column != ListColumn::kPlayedAt &&
      (search.filter.from.has_value() || search.filter.until.has_value());
  const bool is_exact = IsExact(search, path) && !spans_are_filtered;
  page.budget =
      search.HasText() && !search.has_all_tracks ? limits_.plays_with_texts : limits_.plays;
  if (is_exact) page.budget = page.limit;
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           Ask("listing_walk", WalkSql(search, path, page), deadline));
  Found found{.places = ReadPlaces(rows)};
  if (is_exact || static_cast<int>(rows.size()) >= page.limit) return found;
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows end,
                           Ask("listing_walk_end", WalkEndSql(search, path, page), deadline));
  if (!end.empty()) found.stopped_at = ReadPlace(end[0]);
  return found;
}

absl::StatusOr<Listing::Found> Listing::WalkTracks(const Search& search, PageSql page,
                                                   absl::Time deadline) {
  page.budget = limits_.tracks_walked;
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           Ask("listing_track_walk", TrackWalkSql(search, page), deadline));
  Found found{.places = ReadPlaces(rows)};
  if (static_cast<int>(rows.size()) >= page.limit) return found;
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows end,
                           Ask("listing_track_walk_end", TrackWalkEndSql(page), deadline));
  if (!end.empty()) {
    found.stopped_at = ListPosition{
        .key = std::string(end[0].Text(1)), .track_id = end[0].Int64(0), .is_whole_track = true};
  }
  return found;
}

absl::StatusOr<bool> Listing::CanSort(const Search& search, absl::Time deadline) {
  if (!IsNarrow(PathOf(search.filter)) && !search.is_by_sets) return false;
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::int64_t count,
      AskNumber("listing_candidates", CountCandidatesSql(search, limits_.plays_sorted + 1),
                deadline));
  return count <= limits_.plays_sorted;
}

absl::StatusOr<Listing::Found> Listing::FindPage(const Search& search, ListOrder order,
                                                 const std::optional<ListPosition>& after,
                                                 int limit, absl::Time deadline) {
  if (FindsNothing(search)) return Found();
  const ListPath path = PathOf(search.filter);
  // Of one value of these columns, or of many, all are equal in it.
  const bool is_one_user = order.column == ListColumn::kUserId && search.filter.user_id.has_value();
  const bool is_one_batch =
      order.column == ListColumn::kBatchId && search.filter.batch_id.has_value();
  if (HasRuns(order.column) || is_one_user || is_one_batch) order.column = ListColumn::kPlayedAt;
  PageSql page{.order = order, .after = after, .limit = limit};
  if (order.column == ListColumn::kPlayedAt) {
    if (IsNarrow(path) || !search.is_by_sets) return Walk(search, path, page, deadline);
    PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                             Ask("listing_merge", MergeSql(search, page), deadline));
    return Found{.places = ReadPlaces(rows)};
  }
  // A page that began as a walk of tracks goes on as one.
  const bool has_walked = after.has_value() && after->is_whole_track;
  PLAYLOG_ASSIGN_OR_RETURN(const bool can_sort, CanSort(search, deadline));
  if (can_sort && !has_walked) {
    page.budget = limits_.plays_sorted;
    PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                             Ask("listing_sort", SortSql(search, page), deadline));
    return Found{.places = ReadPlaces(rows)};
  }
  if (IsOfTrack(order.column)) return WalkTracks(search, page, deadline);
  return Walk(search, ListPath::kAll, page, deadline);
}

absl::StatusOr<ListPage> Listing::Page(const Search& search, const ListOrder& order,
                                       const std::optional<ListPosition>& after, int limit,
                                       absl::Time deadline) {
  std::vector<Search> runs = RunsOf(search, order.column);
  if (order.is_descending) std::reverse(runs.begin(), runs.end());
  std::vector<ListPosition> places;
  std::optional<ListPosition> stopped_at;
  std::optional<ListPosition> behind = after;
  // One play more than the page tells whether there is more.
  const auto missing = [&] { return limit + 1 - static_cast<int>(places.size()); };
  for (std::int64_t run = after.has_value() ? after->run : 0;
       run < static_cast<std::int64_t>(runs.size()) && missing() > 0 && !stopped_at.has_value();
       ++run) {
    PLAYLOG_ASSIGN_OR_RETURN(Found found, FindPage(runs[run], order, behind, missing(), deadline));
    for (ListPosition& place : found.places) {
      place.run = run;
      places.push_back(std::move(place));
    }
    stopped_at = std::move(found.stopped_at);
    if (stopped_at.has_value()) stopped_at->run = run;
    behind.reset();
  }
  ListPage page;
  page.next = std::move(stopped_at);
  if (static_cast<int>(places.size()) > limit) {
    places.resize(limit);
    page.next = places.back();
  }
  PLAYLOG_RETURN_IF_ERROR(ReadSongs(places, deadline, page.songs));
  return page;
}

absl::Status Listing::ReadSongs(const std::vector<ListPosition>& places, absl::Time deadline,
                                RepeatedPtrField<ListedSong>& songs) {
  if (places.empty()) return absl::OkStatus();
  db::Array ids, users, times, batches;
  for (const ListPosition& place : places) {
    ids.Add(place.id);
    users.Add(place.user_id);
    times.Add(absl::FromUnixMicros(place.played_at_us));
    batches.Add(place.batch_id);
  }
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows,
                           pool_.Query(deadline, db::Effect::kIdempotent, kSongs, std::move(ids),
                                       std::move(users), std::move(times), std::move(batches)));
  constexpr std::size_t kSongColumns = 20;
  for (const db::Row row : rows) {
    ListedSong& listed = *songs.Add();
    ReadSong(row, *listed.mutable_song());
    listed.set_user_id(row.Int64(kSongColumns));
    listed.set_batch_id(row.Int64(kSongColumns + 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<songs::v1::GetSongResponse>> Listing::Get(std::int64_t id,
                                                                       absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows places,
                           pool_.Query(deadline, db::Effect::kIdempotent, kPlace, id));
  RepeatedPtrField<ListedSong> songs;
  PLAYLOG_RETURN_IF_ERROR(ReadSongs(ReadPlaces(places), deadline, songs));
  if (songs.empty()) return std::optional<songs::v1::GetSongResponse>();
  songs::v1::GetSongResponse response;
  response.mutable_result()->Swap(songs.Mutable(0));
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows batch, pool_.Query(deadline, db::Effect::kIdempotent,
                                                             kBatch, response.result().batch_id()));
  if (!batch.empty()) ReadBatch(batch[0], *response.mutable_batch());
  return std::optional(std::move(response));
}

absl::StatusOr<BatchPage> Listing::Batches(const BatchQuery& query, absl::Time deadline) {
  ListSql sql;
  std::string looked = "true";
  if (query.user_id.has_value())
    absl::StrAppend(&looked, " AND user_id = ", sql.Arg(*query.user_id));
  if (query.before.has_value()) absl::StrAppend(&looked, " AND id < ", sql.Arg(*query.before));
  const std::string walk =
      absl::StrCat("SELECT * FROM batches WHERE ", looked, " ORDER BY id DESC");
  ListSql end = sql;
  end.text =
      absl::StrCat("SELECT id FROM (", walk, " OFFSET ", limits_.batches - 1, " LIMIT 1) AS b");
  std::string conditions = "true";
  if (query.source.has_value()) {
    absl::StrAppend(&conditions, " AND source = ",
                    sql.Arg(db::Param(static_cast<int>(*query.source)), "smallint"));
  }
  if (query.origin.has_value()) {
    absl::StrAppend(&conditions, " AND origin = ", sql.Arg(db::Param(*query.origin), "text"));
  }
  sql.text =
      absl::StrCat("SELECT " PLAYLOG_BATCH_COLUMNS " FROM (", walk, " LIMIT ", limits_.batches,
                   ") AS b WHERE ", conditions, " ORDER BY id DESC LIMIT ", query.limit + 1);
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, Ask("listing_batches", sql, deadline));
  BatchPage page;
  for (const db::Row row : rows) {
    if (page.batches.size() == query.limit) {
      page.next = page.batches[query.limit - 1].id();
      return page;
    }
    ReadBatch(row, *page.batches.Add());
  }
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows stopped, Ask("listing_batches_end", end, deadline));
  if (!stopped.empty()) page.next = stopped[0].Int64(0);
  return page;
}

}  // namespace playlog::song_store
