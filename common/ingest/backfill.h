#ifndef PLAYLOG_COMMON_INGEST_BACKFILL_H_
#define PLAYLOG_COMMON_INGEST_BACKFILL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/ingest/page.h"

// How a walk through a span of a source's history decides; nothing here asks anybody anything.
//
// The source counts its pages from the newest play, so whatever arrives or goes while somebody
// walks moves the older pages. A walk therefore keeps its place as the number of plays that it has
// read from the OLDEST end, and works out anew for each page which one holds the next unread play.
// When a total tells that plays have gone, it steps back by as many. What else may have slipped by
// is for the next walk to find, and the last walk is one that saw no total change and found nothing
// new: all that was there before it began is stored. Only as many deletions as arrivals between the
// same two pages would go unseen.
namespace playlog::ingest {

// The sizes of pages: a source that fails at one may manage a smaller one. Each size is twice the
// one below, so that a change of size in the middle of a walk reads no play twice.
inline constexpr int kLargestPage = 200;
inline constexpr int kSmallestPage = 25;
// So many pages that came make the size twice as large again.
inline constexpr int kEasyPages = 8;
// The largest total that is believed: a million of the smallest pages, more than which Last.fm does
// not count.
inline constexpr std::int64_t kTotalMax = 25'000'000;
// A history that changes all the time is not walked through for ever.
inline constexpr int kWalksMax = 10;

// How far a walk is.
struct Walk {
  std::optional<std::int64_t> total;  // The plays of the span; unset until the source has said so.
  std::int64_t position = 0;          // The plays that were read, counted from the oldest.
  int page_size = kLargestPage;
  bool steady = true;  // The total has been the same all the time.
  bool operator==(const Walk&) const = default;
};

// What to ask for.
struct Ask {
  int page = 1;  // Counted from the newest plays.
  int limit = 1;
  bool operator==(const Ask&) const = default;
};

// The walk after one that has ended.
Walk NextWalk(const Walk& walk);

// Leads a walk from page to page. For one thread.
class Walker {
 public:
  explicit Walker(const Walk& walk) : walk_(walk) {}

  const Walk& walk() const { return walk_; }
  // Whether every play was read.
  bool AtEnd() const { return walk_.total.has_value() && walk_.position >= *walk_.total; }
  // What to ask for next, unless the walk is at its end. A walk that knows no total asks for that
  // first: the plays of that answer are none of the walk's.
  Ask Next() const;
  bool AsksForTotal() const { return !walk_.total.has_value(); }
  // Takes the answer to Next(), which told that total.
  void OnAnswer(std::int64_t total);
  // Makes the pages smaller; false if they are as small as can be.
  bool Shrink();

 private:
  void GrowIfEasy();

  Walk walk_;
  int easy_pages_ = 0;  // Those that came since the size changed.
};

// How many there are of each kind, by a name in snake_case.
using Tallies = std::map<std::string, std::int64_t>;

// More plays of one second than anybody has but by mistake.
inline constexpr std::size_t kSeamKeysMax = 1000;

// The plays at the newest second of what was read: the same play may be told again on the next
// page.
struct Seam {
  absl::Time second = absl::InfinitePast();
  std::vector<std::string> keys;  // Sorted; at most kSeamKeysMax.
  bool operator==(const Seam&) const = default;
};

// Counts the plays that were already in the seam, each once, and moves the seam behind them.
std::int64_t PassSeam(const std::vector<songs::v1::Play>& plays, Seam& seam);

// What a walk came to.
struct WalkEnd {
  std::int64_t total = 0;       // The plays that the source has in the span.
  std::int64_t stored = 0;      // The plays of the span that are stored.
  std::int64_t told_twice = 0;  // The plays that were told more than once, but for their first.
  Tallies rejected = {};
  std::int64_t added = 0;  // The plays of the walk that were new.
  bool steady = true;
  int walks = 0;                            // With this one.
  std::optional<std::int64_t> excess = {};  // As the walk before had it, if that was settled.
};

// Why the store may hold something else than what the source counts.
inline constexpr char kToldTwice[] = "told_twice";
// Plays that the store has and the source no longer tells.
inline constexpr char kDeletedAtSource[] = "deleted_at_source";
// Plays that are missing, and nobody knows why.
inline constexpr char kUnexplained[] = "unexplained";

// What follows from it.
struct WalkVerdict {
  bool walk_again = false;
  // The plays that are stored beyond those that the walk told; below zero, those that are missing.
  // Unset if the walk was not settled: it saw something change, or found something new.
  std::optional<std::int64_t> excess;
  Tallies differences;  // If there is no other walk: what the store and the total differ by.
};
WalkVerdict JudgeWalk(const WalkEnd& end);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_BACKFILL_H_
