// The counts of the listing: how many plays a search finds, in all and by period, and how many each
// user has.

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "absl/time/civil_time.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "services/song_store/listing.h"

namespace playlog::song_store {
namespace {

using google::protobuf::RepeatedPtrField;
using songs::v1::CappedCount;
using songs::v1::Source;

// Times between which every play lies, for spans that are open.
const absl::Time kFirstTime = absl::FromCivil(absl::CivilDay(1, 1, 1), absl::UTCTimeZone());
const absl::Time kLastTime = absl::FromCivil(absl::CivilDay(9999, 12, 31), absl::UTCTimeZone());

constexpr db::Statement kEnds{"listing_ends",
                              "SELECT min(played_at), max(played_at) FROM listed_plays"};

constexpr db::Statement kCounts{"listing_counts", R"sql(
SELECT user_id, source, plays FROM listed_users WHERE user_id = ANY ($1::bigint[]))sql"};

CappedCount Capped(std::int64_t count, bool may_be_more) {
  CappedCount capped;
  capped.set_count(std::min<std::int64_t>(count, Listing::kCountMax));
  capped.set_capped(may_be_more || count > Listing::kCountMax);
  return capped;
}

Span WholeSpan(const ListFilter& filter) {
  return {filter.from.value_or(kFirstTime), filter.until.value_or(kLastTime)};
}

absl::CivilSecond BeginOf(songs::v1::Period period, absl::Time time) {
  const absl::CivilSecond second = absl::ToCivilSecond(time, absl::UTCTimeZone());
  switch (period) {
    case songs::v1::PERIOD_YEAR:
      return absl::CivilSecond(absl::CivilYear(second));
    case songs::v1::PERIOD_MONTH:
      return absl::CivilSecond(absl::CivilMonth(second));
    default:
      return absl::CivilSecond(absl::CivilDay(second));
  }
}

absl::Time EndOf(songs::v1::Period period, absl::CivilSecond begin) {
  absl::CivilSecond end(absl::CivilDay(begin) + 1);
  if (period == songs::v1::PERIOD_YEAR) end = absl::CivilSecond(absl::CivilYear(begin) + 1);
  if (period == songs::v1::PERIOD_MONTH) end = absl::CivilSecond(absl::CivilMonth(begin) + 1);
  return absl::FromCivil(end, absl::UTCTimeZone());
}

std::string_view UnitOf(songs::v1::Period period) {
  if (period == songs::v1::PERIOD_YEAR) return "year";
  return period == songs::v1::PERIOD_MONTH ? "month" : "day";
}

}  // namespace

absl::StatusOr<CappedCount> Listing::Count(const Search& search, absl::Time deadline) {
  if (FindsNothing(search)) return Capped(0, false);
  const ListPath path = PathOf(search.filter);
  if (search.HasText() && !IsNarrow(path) && search.has_few_users) {
    // Not all tracks are known of a wide search, but each of those that are has a play.
    PLAYLOG_ASSIGN_OR_RETURN(
        const std::int64_t count,
        AskNumber("listing_count_sets", CountBySetsSql(search, kCountMax + 1), deadline));
    return Capped(count, !search.has_all_tracks);
  }
  const int budget = search.HasText() && !search.has_all_tracks ? limits_.plays_counted_with_texts
                                                                : limits_.plays_counted;
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      Ask("listing_count",
          CountByWalkSql(search, path, {WholeSpan(search.filter)}, kCountMax + 1, budget),
          deadline));
  if (rows.empty()) return Capped(0, false);
  return Capped(rows[0].Int64(1), !IsExact(search, path) && rows[0].Int64(2) >= budget);
}

absl::StatusOr<std::vector<Span>> Listing::PeriodsOf(const Search& search, songs::v1::Period period,
                                                     absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows ends,
                           pool_.Query(deadline, db::Effect::kIdempotent, kEnds));
  std::vector<Span> periods;
  if (ends[0].IsNull(0)) return periods;
  const auto [from, until] = WholeSpan(search.filter);
  const absl::Time first = std::max(from, ends[0].Time(0));
  const absl::Time last = std::min(until, ends[0].Time(1) + absl::Microseconds(1));
  absl::CivilSecond begin = BeginOf(period, first);
  while (absl::FromCivil(begin, absl::UTCTimeZone()) < last) {
    const absl::Time end = EndOf(period, begin);
    periods.emplace_back(absl::FromCivil(begin, absl::UTCTimeZone()), end);
    if (static_cast<int>(periods.size()) > kPeriodsMax) {
      return InvalidField("period", "longer, or the span from filter.from to filter.until shorter");
    }
    begin = absl::ToCivilSecond(end, absl::UTCTimeZone());
  }
  std::reverse(periods.begin(), periods.end());
  return periods;
}

absl::StatusOr<std::vector<PeriodPlays>> Listing::CountUnits(const Search& search,
                                                             const std::vector<Span>& periods,
                                                             songs::v1::Period period,
                                                             absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::int64_t candidates,
      AskNumber("listing_candidates", CountCandidatesSql(search, limits_.plays_of_periods),
                deadline));
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      Ask("listing_units", CountByUnitSql(search, UnitOf(period), limits_.plays_of_periods),
          deadline));
  std::map<absl::Time, std::int64_t> counts;
  for (const db::Row row : rows) counts[row.Time(0)] = row.Int64(1);
  std::vector<PeriodPlays> result;
  for (const auto& [from, until] : periods) {
    const auto count = counts.find(from);
    if (count == counts.end()) continue;
    result.push_back({from, until, Capped(count->second, candidates >= limits_.plays_of_periods)});
  }
  return result;
}

absl::StatusOr<std::vector<PeriodPlays>> Listing::CountByPeriod(const Search& search,
                                                                songs::v1::Period period,
                                                                absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<Span> periods, PeriodsOf(search, period, deadline));
  std::vector<PeriodPlays> result;
  if (periods.empty() || FindsNothing(search)) return result;
  const ListPath path = PathOf(search.filter);
  if (IsNarrow(path) || search.is_by_sets) return CountUnits(search, periods, period, deadline);
  // The first and the last period may go beyond what the filter takes.
  std::vector<Span> spans = periods;
  spans.back().first = std::max(spans.back().first, WholeSpan(search.filter).first);
  spans.front().second = std::min(spans.front().second, WholeSpan(search.filter).second);
  const int all = search.HasText() && !search.has_all_tracks ? limits_.plays_counted_with_texts
                                                             : limits_.plays_of_periods;
  const int budget = std::max(all / static_cast<int>(spans.size()), 100);
  PLAYLOG_ASSIGN_OR_RETURN(
      const db::Rows rows,
      Ask("listing_count", CountByWalkSql(search, path, spans, kCountMax + 1, budget), deadline));
  for (const db::Row row : rows) {
    const auto& [from, until] = periods[row.Int64(0) - 1];
    const bool may_be_more = !IsExact(search, path) && row.Int64(2) >= budget;
    result.push_back({from, until, Capped(row.Int64(1), may_be_more)});
  }
  return result;
}

absl::StatusOr<RepeatedPtrField<songs::v1::UserSongs>> Listing::CountOfUsers(
    std::span<const std::int64_t> user_ids, absl::Time deadline) {
  db::Array asked;
  for (const std::int64_t user_id : user_ids) asked.Add(user_id);
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kIdempotent,
                                                            kCounts, std::move(asked)));
  std::map<std::pair<std::int64_t, int>, std::int64_t> counts;
  for (const db::Row row : rows) counts[{row.Int64(0), row.Int32(1)}] = row.Int64(2);
  RepeatedPtrField<songs::v1::UserSongs> result;
  for (const std::int64_t user_id : user_ids) {
    songs::v1::UserSongs& user = *result.Add();
    user.set_user_id(user_id);
    for (const Source source : {songs::v1::SOURCE_SPOTIFY, songs::v1::SOURCE_LASTFM}) {
      songs::v1::SourceCount& count = *user.add_by_source();
      count.set_source(source);
      const auto found = counts.find({user_id, source});
      count.mutable_songs()->set_count(found == counts.end() ? 0 : found->second);
    }
  }
  return result;
}

}  // namespace playlog::song_store
