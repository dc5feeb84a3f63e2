#ifndef PLAYLOG_COMMON_INGEST_COVERAGE_H_
#define PLAYLOG_COMMON_INGEST_COVERAGE_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

// Which parts of a user's history are known to be whole: every play that the source ever showed of
// them is stored. Pure: no I/O and no clock.
namespace playlog::ingest {

// A part of the time line; both ends belong to it.
struct CoveredSpan {
  absl::Time from;
  absl::Time until;
  bool operator==(const CoveredSpan&) const = default;
};

// Where a history begins: before it neither source existed.
inline constexpr absl::Time kBeginningOfHistory = absl::FromUnixSeconds(1'033'430'400);
// The most spans that are kept of a user.
inline constexpr std::size_t kMaxCoveredSpans = 100;
// How far back late plays are expected to lie: the longest lag on record is about nine days.
inline constexpr absl::Duration kLongestLag = absl::Hours(9 * 24);
// A day that goes on, or has just ended, is complete up to the last look if that was not longer ago
// than this: twice the longest pause between two looks.
inline constexpr absl::Duration kFreshFor = absl::Hours(2);

// What is covered of a user's history at one source.
struct Coverage {
  // Sorted, and with holes between them.
  std::vector<CoveredSpan> spans = {};
  // The earliest time that the looks at the source, as opposed to imports and backfills, have
  // covered.
  std::optional<absl::Time> first_look_from = {};
  // When the last look that brought something to rely on began.
  std::optional<absl::Time> last_look_at = {};

  bool operator==(const Coverage&) const = default;
};

// What a look at a source's newest plays showed.
struct Look {
  absl::Time at;           // When the source was asked: what it showed later is not covered.
  int asked = 0;           // The number of plays that it was asked for.
  int items = 0;           // What it showed, usable or not.
  int already_stored = 0;  // The plays among them that the store had.
  // The oldest usable play among them.
  std::optional<absl::Time> oldest_play_at = {};
};

// Adds a span that was read or imported as a whole. Holes within it are closed. One that ends
// before it begins is ignored.
void AddCovered(CoveredSpan span, Coverage& coverage);

// Adds a walk over a span of the source's history, asked for with both ends fixed.
void AddWalk(CoveredSpan span, Coverage& coverage);

// Adds a look at a window of newest plays.
//   * A window that is not full shows all there is: the first one covers everything before it.
//   * A full one covers the time since its oldest play. If that play is not newer than the last
//     look, nothing came and went in between, and the covered span goes on. Else there is a hole
//     before it, and a down time that outlasted the window looks just the same.
//   * A full one whose plays are all new, though the oldest lies in what is covered, means that a
//     device reported more late plays at once than the window shows. The rest of them was never
//     seen, and lies before the oldest: so kLongestLag before it is no longer covered.
//   * A full one without a single usable play tells nothing.
void AddLook(const Look& look, Coverage& coverage);

// Why plays of a day may be missing.
inline constexpr char kBeforeFirstFetch[] = "before_first_fetch";
inline constexpr char kFullPageWithoutOverlap[] = "full_page_without_overlap";
inline constexpr char kNotFetchedSince[] = "not_fetched_since";

// How sure we are of a day.
struct DayState {
  absl::CivilDay day;
  std::string_view reason;  // One of the three above; empty if the day is complete.
  bool operator==(const DayState&) const = default;
};

// Judges the days in UTC from `first` to `last`, the newest first, without those that have not
// begun. A day is complete if it is covered whole, and today up to now; the time since the last
// look counts as covered for kFreshFor. Else its earliest hole gives the reason. Between two spans
// that is kFullPageWithoutOverlap where the source shows a window, and kNotFetchedSince where it
// does not.
std::vector<DayState> JudgeDays(const Coverage& coverage, absl::CivilDay first, absl::CivilDay last,
                                absl::Time now, bool has_window);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_COVERAGE_H_
