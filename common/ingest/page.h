#ifndef PLAYLOG_COMMON_INGEST_PAGE_H_
#define PLAYLOG_COMMON_INGEST_PAGE_H_

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "playlog/songs/v1/song_store_service.pb.h"

namespace playlog::ingest {

// The longest title, artist or album, in characters.
inline constexpr std::size_t kMaxTextCharacters = 1000;
// The longest MusicBrainz id, in characters.
inline constexpr std::size_t kMaxMbidCharacters = 100;
// The longest address, in bytes.
inline constexpr std::size_t kMaxUrlBytes = 2000;
// The most items that a page may have; no upstream gives more.
inline constexpr std::size_t kMaxPageItems = 1000;
// The longest text of a rejected item that is kept, in bytes.
inline constexpr std::size_t kMaxRawBytes = 16 << 10;

// An item that could not become a play.
struct RejectedItem {
  std::string reason;  // In snake_case.
  std::string raw;     // Its JSON, cut to kMaxRawBytes; well-formed UTF-8 without U+0000.
};

// What an upstream's page held, in its order.
struct Page {
  std::vector<songs::v1::Play> plays;
  std::vector<RejectedItem> rejected;
  // The plays that the source has in the span that was asked for; unset if it does not tell.
  std::optional<std::int64_t> total = {};
  int cleared_values = 0;  // Values that were made empty: an address or an id that is not allowed.
};

// Why an item is rejected.
inline constexpr char kNotAnObject[] = "not_an_object";
inline constexpr char kTrackMissing[] = "track_missing";
inline constexpr char kTitleMissing[] = "title_missing";
inline constexpr char kTextTooLong[] = "text_too_long";
inline constexpr char kTimeMissing[] = "time_missing";
inline constexpr char kTimeUnusable[] = "time_unusable";
inline constexpr char kTimeOutOfRange[] = "time_out_of_range";

RejectedItem Reject(std::string_view reason, const boost::json::value& item);

// Reads a text without U+0000; empty if it is no string.
std::string ReadText(const boost::json::value* value);
// Reads an address: http and https are kept as given; any other text becomes empty and is counted.
std::string ReadUrl(const boost::json::value* value, Page& page);
// Reads a MusicBrainz id: kept as given, or emptied and counted if it is too long.
std::string ReadMbid(const boost::json::value* value, Page& page);
// Reads a length in milliseconds; 0 unless it is a whole number from 0 to 2^31-1.
std::int32_t ReadDurationMs(const boost::json::value* value);

// Whether every text of the play is short enough.
bool TextsFit(const songs::v1::Play& play);
// Whether plays can have been made then: from 2002-10-01, Last.fm's first day, to a day from now.
bool IsPlausible(absl::Time played_at, absl::Time now);

// Puts the time into the play, cut to microseconds; and reads it back.
void SetPlayedAt(absl::Time played_at, songs::v1::Play& play);
absl::Time PlayedAtOf(const songs::v1::Play& play);

// Leaves the first of each group of plays that are the same by title, artist and time: the song
// store keeps them once, and the answer lists what is stored.
void DropRepeats(std::vector<songs::v1::Play>& plays);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_PAGE_H_
