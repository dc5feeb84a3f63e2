#include "common/ingest/coverage.h"

#include <algorithm>
#include <utility>

namespace playlog::ingest {
namespace {

void Merge(CoveredSpan span, std::vector<CoveredSpan>& spans) {
  std::vector<CoveredSpan> merged;
  for (const CoveredSpan& known : spans) {
    if (known.until < span.from || known.from > span.until) {
      merged.push_back(known);
    } else {
      span = {std::min(span.from, known.from), std::max(span.until, known.until)};
    }
  }
  const auto place = std::find_if(merged.begin(), merged.end(), [&span](const CoveredSpan& known) {
    return known.from > span.from;
  });
  merged.insert(place, span);
  spans = std::move(merged);
}

// Takes out what lies between the two times.
void Cut(absl::Time from, absl::Time until, std::vector<CoveredSpan>& spans) {
  std::vector<CoveredSpan> rest;
  for (const CoveredSpan& known : spans) {
    if (known.until <= from || known.from >= until) {
      rest.push_back(known);
      continue;
    }
    if (known.from < from) rest.push_back({known.from, from});
    if (known.until > until) rest.push_back({until, known.until});
  }
  spans = std::move(rest);
}

// Forgets the shortest of the older spans, so that two of the oldest holes become one: less is
// claimed than is known, never more.
void Bound(std::vector<CoveredSpan>& spans) {
  while (spans.size() > kMaxCoveredSpans) {
    const auto newer_half = spans.begin() + static_cast<std::ptrdiff_t>(spans.size() / 2);
    spans.erase(
        std::min_element(spans.begin(), newer_half, [](const CoveredSpan& a, const CoveredSpan& b) {
          return a.until - a.from < b.until - b.from;
        }));
  }
}

// The first time from `start` on that is not covered, and the end of the hole that it is in.
CoveredSpan FirstHole(absl::Time start, const std::vector<CoveredSpan>& spans) {
  for (const CoveredSpan& span : spans) {
    if (span.from > start) return {start, span.from};
    start = std::max(start, span.until);
  }
  return {start, absl::InfiniteFuture()};
}

std::string_view ReasonOf(const CoveredSpan& hole, const Coverage& coverage, bool has_window) {
  if (!coverage.first_look_from.has_value() || hole.until <= *coverage.first_look_from) {
    return kBeforeFirstFetch;
  }
  const bool after_all = hole.until == absl::InfiniteFuture();
  return after_all || !has_window ? kNotFetchedSince : kFullPageWithoutOverlap;
}

}  // namespace

void AddCovered(CoveredSpan span, Coverage& coverage) {
  if (span.from > span.until) return;
  Merge(span, coverage.spans);
  Bound(coverage.spans);
}

void AddWalk(CoveredSpan span, Coverage& coverage) {
  if (span.from > span.until) return;
  AddCovered(span, coverage);
  coverage.first_look_from = std::min(coverage.first_look_from.value_or(span.from), span.from);
  coverage.last_look_at = std::max(coverage.last_look_at.value_or(span.until), span.until);
}

void AddLook(const Look& look, Coverage& coverage) {
  const bool full = look.items >= look.asked;
  const bool first = !coverage.first_look_from.has_value();
  if (!full && first) {
    AddWalk({kBeginningOfHistory, look.at}, coverage);
    return;
  }
  // Nothing has ever left a window that was not full when it was first seen. One that was full, and
  // now shows less, only counts for what it shows.
  if (!full && *coverage.first_look_from == kBeginningOfHistory) {
    AddWalk({std::min(coverage.last_look_at.value_or(look.at), look.at), look.at}, coverage);
    return;
  }
  if (!look.oldest_play_at.has_value()) return;
  const absl::Time oldest = *look.oldest_play_at;
  const bool within_known = !first && oldest <= coverage.last_look_at.value_or(oldest);
  if (full && look.already_stored == 0 && within_known) {
    Cut(oldest - kLongestLag, oldest, coverage.spans);
  }
  AddWalk({std::min(oldest, look.at), look.at}, coverage);
}

std::vector<DayState> JudgeDays(const Coverage& coverage, absl::CivilDay first, absl::CivilDay last,
                                absl::Time now, bool has_window) {
  Coverage known = coverage;
  if (known.last_look_at.has_value() && now - *known.last_look_at <= kFreshFor) {
    AddCovered({*known.last_look_at, now}, known);
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  std::vector<DayState> days;
  for (absl::CivilDay day = std::min(last, absl::ToCivilDay(now, utc)); day >= first; --day) {
    const absl::Time end = std::min(absl::FromCivil(day + 1, utc), now);
    const CoveredSpan hole = FirstHole(absl::FromCivil(day, utc), known.spans);
    days.push_back({day, hole.from >= end ? "" : ReasonOf(hole, known, has_window)});
  }
  return days;
}

}  // namespace playlog::ingest
