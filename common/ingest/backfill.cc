#include "common/ingest/backfill.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"

namespace playlog::ingest {
namespace {

// Names a play among those of its second.
std::string KeyOf(const songs::v1::Play& play) {
  constexpr std::size_t kKeyBytes = 16;
  return Sha256(absl::StrCat(play.title().size(), ":", play.title(), play.artist()))
      .substr(0, kKeyBytes);
}

std::int64_t CountIn(const Tallies& tallies) {
  std::int64_t count = 0;
  for (const auto& [reason, some] : tallies) count += some;
  return count;
}

}  // namespace

Walk NextWalk(const Walk& walk) {
  // An empty history would otherwise be walked through without a question.
  const bool known = walk.total.value_or(0) > 0;
  return {.total = known ? walk.total : std::nullopt, .page_size = walk.page_size};
}

Ask Walker::Next() const {
  if (AsksForTotal()) return {.page = 1, .limit = 1};
  const std::int64_t newer = *walk_.total - walk_.position - 1;
  return {.page = static_cast<int>(newer / walk_.page_size) + 1, .limit = walk_.page_size};
}

void Walker::OnAnswer(std::int64_t total) {
  if (AsksForTotal()) {
    walk_.total = total;
    return;
  }
  const Ask asked = Next();
  const std::int64_t change = total - *walk_.total;
  walk_.total = total;
  if (change != 0) walk_.steady = false;
  // What was deleted may have been among what was read.
  walk_.position =
      std::clamp<std::int64_t>(walk_.position + std::min<std::int64_t>(0, change), 0, total);
  // What the page held, counted from the oldest play.
  const std::int64_t first = total - std::int64_t{asked.page} * asked.limit;
  const std::int64_t end = total - std::int64_t{asked.page - 1} * asked.limit;
  if (first <= walk_.position) walk_.position = std::max(walk_.position, end);
  GrowIfEasy();
}

bool Walker::Shrink() {
  easy_pages_ = 0;
  if (walk_.page_size <= kSmallestPage) return false;
  walk_.page_size /= 2;
  return true;
}

void Walker::GrowIfEasy() {
  if (walk_.page_size >= kLargestPage || ++easy_pages_ < kEasyPages) return;
  const int larger = walk_.page_size * 2;
  // Not where a larger page would hold what was read already.
  if ((*walk_.total - walk_.position) % larger != 0) return;
  walk_.page_size = larger;
  easy_pages_ = 0;
}

std::int64_t PassSeam(const std::vector<songs::v1::Play>& plays, Seam& seam) {
  Seam next = seam;
  for (const songs::v1::Play& play : plays) {
    const absl::Time second = PlayedAtOf(play);
    if (second > next.second) next = {.second = second, .keys = {}};
  }
  std::vector<std::string> again;
  for (const songs::v1::Play& play : plays) {
    const absl::Time second = PlayedAtOf(play);
    // Most plays are of neither second and need no key.
    if (second != seam.second && second != next.second) continue;
    std::string key = KeyOf(play);
    if (second == seam.second && std::binary_search(seam.keys.begin(), seam.keys.end(), key)) {
      again.push_back(key);
    }
    if (second == next.second) next.keys.push_back(std::move(key));
  }
  const auto sort = [](std::vector<std::string>& keys) {
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (keys.size() > kSeamKeysMax) keys.resize(kSeamKeysMax);
  };
  sort(next.keys);
  sort(again);
  seam = std::move(next);
  return std::ssize(again);
}

WalkVerdict JudgeWalk(const WalkEnd& end) {
  WalkVerdict verdict;
  const std::int64_t excess = end.stored - (end.total - CountIn(end.rejected) - end.told_twice);
  const bool settled = end.added == 0 && end.steady;
  if (settled) verdict.excess = excess;
  // A difference without a name is believed when two settled walks came to the same.
  const bool certain = settled && (excess == 0 || end.excess == excess);
  verdict.walk_again = !certain && end.walks < kWalksMax;
  if (verdict.walk_again) return verdict;
  verdict.differences = end.rejected;
  if (end.told_twice > 0) verdict.differences[kToldTwice] = end.told_twice;
  if (excess > 0) verdict.differences[kDeletedAtSource] = excess;
  if (excess < 0) verdict.differences[kUnexplained] = -excess;
  return verdict;
}

}  // namespace playlog::ingest
