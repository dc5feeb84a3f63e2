#include "common/ingest/page.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/civil_time.h"
#include "common/base/strings.h"
#include "common/ingest/json.h"

namespace playlog::ingest {
namespace {

// Cuts at the last whole character within the limit.
void CutUtf8(std::string& text, std::size_t limit) {
  if (text.size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  text.resize(limit);
}

}  // namespace

RejectedItem Reject(std::string_view reason, const boost::json::value& item) {
  RejectedItem rejected{std::string(reason), boost::json::serialize(item)};
  CutUtf8(rejected.raw, kMaxRawBytes);
  return rejected;
}

std::string ReadText(const boost::json::value* value) {
  std::string text(AsString(value).value_or(std::string_view()));
  std::erase(text, '\0');
  return text;
}

std::string ReadUrl(const boost::json::value* value, Page& page) {
  std::string url = ReadText(value);
  if (url.empty()) return url;
  const bool allowed =
      absl::StartsWithIgnoreCase(url, "https://") || absl::StartsWithIgnoreCase(url, "http://");
  if (allowed && url.size() <= kMaxUrlBytes) return url;
  ++page.cleared_values;
  return "";
}

std::string ReadMbid(const boost::json::value* value, Page& page) {
  std::string mbid = ReadText(value);
  if (CountCodePoints(mbid) <= kMaxMbidCharacters) return mbid;
  ++page.cleared_values;
  return "";
}

std::int32_t ReadDurationMs(const boost::json::value* value) {
  if (value == nullptr || !value->is_int64()) return 0;
  const std::int64_t duration_ms = value->get_int64();
  if (duration_ms < 0 || duration_ms > std::numeric_limits<std::int32_t>::max()) return 0;
  return static_cast<std::int32_t>(duration_ms);
}

bool TextsFit(const songs::v1::Play& play) {
  for (const std::string* text : {&play.title(), &play.artist(), &play.album()}) {
    if (CountCodePoints(*text) > kMaxTextCharacters) return false;
  }
  return true;
}

bool IsPlausible(absl::Time played_at, absl::Time now) {
  static const absl::Time first = absl::FromCivil(absl::CivilDay(2002, 10, 1), absl::UTCTimeZone());
  return played_at >= first && played_at <= now + absl::Hours(24);
}

void SetPlayedAt(absl::Time played_at, songs::v1::Play& play) {
  const std::int64_t microseconds = absl::ToUnixMicros(played_at);
  std::int64_t seconds = microseconds / 1'000'000;
  std::int64_t rest = microseconds % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  play.mutable_played_at()->set_seconds(seconds);
  play.mutable_played_at()->set_nanos(static_cast<std::int32_t>(rest * 1000));
}

absl::Time PlayedAtOf(const songs::v1::Play& play) {
  return absl::FromUnixSeconds(play.played_at().seconds()) +
         absl::Nanoseconds(play.played_at().nanos());
}

void DropRepeats(std::vector<songs::v1::Play>& plays) {
  std::set<std::tuple<absl::Time, std::string, std::string>> seen;
  std::erase_if(plays, [&seen](const songs::v1::Play& play) {
    return !seen.emplace(PlayedAtOf(play), play.title(), play.artist()).second;
  });
}

}  // namespace playlog::ingest
