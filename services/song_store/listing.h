#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_H_

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/db/pool.h"
#include "playlog/songs/v1/song_admin_service.pb.h"
#include "services/song_store/listing_filter.h"
#include "services/song_store/listing_sql.h"

namespace playlog::song_store {

struct ListPage {
  google::protobuf::RepeatedPtrField<songs::v1::ListedSong> songs;
  // Where to go on; nothing at the list's end.
  std::optional<ListPosition> next = std::nullopt;
};

struct PeriodPlays {
  absl::Time from;
  absl::Time until;
  songs::v1::CappedCount plays;
};

struct BatchQuery {
  std::optional<std::int64_t> user_id = std::nullopt;
  std::optional<songs::v1::Source> source = std::nullopt;
  std::optional<std::string> origin = std::nullopt;
  std::optional<std::int64_t> before = std::nullopt;
  int limit = 0;
};

struct BatchPage {
  google::protobuf::RepeatedPtrField<songs::v1::SongBatch> batches;
  std::optional<std::int64_t> next = std::nullopt;
};

// How much one statement looks at: what keeps every answer quick, whatever is asked.
struct ListingLimits {
  // The tracks of a search that are found one by one; a search with more is a wide one. Each has a
  // play, so that with more of them there are more plays than are counted.
  int tracks = 10'000;
  // The tracks and the users whose plays are taken one after the other.
  int tracks_to_merge = 2'000;
  int users_to_merge = 50;
  // The plays that a walk looks at, and those of a walk that has to look at the texts of each.
  int plays = 100'000;
  int plays_with_texts = 4'000;
  // The tracks that a walk in the order of a text looks at.
  int tracks_walked = 20'000;
  // The plays that are sorted.
  int plays_sorted = 20'000;
  // The plays that are looked at to be counted, those in all periods together, and those of either
  // where the texts of each have to be looked at.
  int plays_counted = 30'000;
  int plays_of_periods = 60'000;
  int plays_counted_with_texts = 8'000;
  int batches = 50'000;
};

// The options of the pool of connections that a Listing is quick with: its statements say by their
// form which index they want, and the planner is kept from reading all of a user's or a track's
// plays first, to sort them, where the first hundred are wanted.
db::PoolOptions ListingPoolOptions(const Secret& database_url);

// Reads the listing (migrations/0004_listing.sql) for staff. It is bound: what a search would take
// too long to look at is left for the next page, and what it would take too long to count is said
// to be more. Users' names are left out. Thread-safe; every call ends by its deadline, with the
// errors of common/db/pool.h.
class Listing {
 public:
  static constexpr int kCountMax = 10'000;
  static constexpr int kPeriodsMax = 400;

  explicit Listing(db::Pool& pool, const ListingLimits& limits = {})
      : pool_(pool), limits_(limits) {}

  // Looks up the words and ids of a filter.
  absl::StatusOr<Search> Find(ListFilter filter, absl::Time deadline);

  // Returns up to `limit` plays behind a position. None is left out or comes twice over successive
  // pages, but those that are listed or erased meanwhile.
  absl::StatusOr<ListPage> Page(const Search& search, const ListOrder& order,
                                const std::optional<ListPosition>& after, int limit,
                                absl::Time deadline);

  absl::StatusOr<songs::v1::CappedCount> Count(const Search& search, absl::Time deadline);

  // Counts by period, newest first, those that have plays. INVALID_FIELD for more than kPeriodsMax.
  absl::StatusOr<std::vector<PeriodPlays>> CountByPeriod(const Search& search,
                                                         songs::v1::Period period,
                                                         absl::Time deadline);

  // Returns one play with its batch; nothing if it is not in the listing.
  absl::StatusOr<std::optional<songs::v1::GetSongResponse>> Get(std::int64_t id,
                                                                absl::Time deadline);

  absl::StatusOr<BatchPage> Batches(const BatchQuery& query, absl::Time deadline);

  // Counts the plays of users in the order in which they are named.
  absl::StatusOr<google::protobuf::RepeatedPtrField<songs::v1::UserSongs>> CountOfUsers(
      std::span<const std::int64_t> user_ids, absl::Time deadline);

 private:
  // Rows in order, and where a walk stopped before the list's end.
  struct Found {
    std::vector<ListPosition> places;
    std::optional<ListPosition> stopped_at = std::nullopt;
  };

  absl::StatusOr<db::Rows> Ask(std::string_view name, const ListSql& sql, absl::Time deadline);
  absl::StatusOr<std::int64_t> AskNumber(std::string_view name, const ListSql& sql,
                                         absl::Time deadline);
  absl::StatusOr<Found> FindPage(const Search& search, ListOrder order,
                                 const std::optional<ListPosition>& after, int limit,
                                 absl::Time deadline);
  absl::StatusOr<Found> Walk(const Search& search, ListPath path, PageSql page,
                             absl::Time deadline);
  absl::StatusOr<Found> WalkTracks(const Search& search, PageSql page, absl::Time deadline);
  // Whether there are few enough plays to be sorted.
  absl::StatusOr<bool> CanSort(const Search& search, absl::Time deadline);
  absl::StatusOr<std::vector<Span>> PeriodsOf(const Search& search, songs::v1::Period period,
                                              absl::Time deadline);
  absl::StatusOr<std::vector<PeriodPlays>> CountUnits(const Search& search,
                                                      const std::vector<Span>& periods,
                                                      songs::v1::Period period,
                                                      absl::Time deadline);
  absl::Status ReadSongs(const std::vector<ListPosition>& places, absl::Time deadline,
                         google::protobuf::RepeatedPtrField<songs::v1::ListedSong>& songs);

  db::Pool& pool_;
  const ListingLimits limits_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LISTING_H_
