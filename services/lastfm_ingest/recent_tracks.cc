#include "services/lastfm_ingest/recent_tracks.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/strings.h"
#include "common/base/time_format.h"
#include "common/ingest/json.h"

namespace playlog::lastfm_ingest {
namespace {

namespace json = boost::json;
using ingest::AsString;
using ingest::Find;
using ingest::FindArray;
using ingest::FindObject;
using ingest::Page;
using songs::v1::Play;

// Reads a number that is written as digits, in a string (as Last.fm does) or bare.
std::optional<std::int64_t> ReadDigits(const json::value* value) {
  if (value != nullptr && value->is_int64() && value->get_int64() >= 0) return value->get_int64();
  const std::optional<std::string_view> text = AsString(value);
  if (!text.has_value() || text->empty() || text->size() > 12) return std::nullopt;
  for (const char digit : *text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return std::nullopt;
  }
  std::int64_t number = 0;
  return absl::SimpleAtoi(ToAbsl(*text), &number) ? std::optional(number) : std::nullopt;
}

bool ReadFlag(const json::value& value) { return AsString(&value) == "1"; }

// What is playing now carries a mark and no date. With a date it has been played.
bool IsPlayingNow(const json::object& entry) {
  const json::value* date = Find(&entry, "date");
  return Find(FindObject(&entry, "@attr"), "nowplaying") != nullptr &&
         (date == nullptr || date->is_null());
}

void ReadArtist(const json::object& entry, Play& play, Page& page) {
  const json::object* artist = FindObject(&entry, "artist");
  play.set_artist(ingest::ReadText(Find(artist, "name")));
  if (play.artist().empty()) play.set_artist(ingest::ReadText(Find(artist, "#text")));
  play.set_artist_lastfm_url(ingest::ReadUrl(Find(artist, "url"), page));
  play.set_artist_mbid(ingest::ReadMbid(Find(artist, "mbid"), page));
}

void ReadImages(const json::object& entry, Play& play, Page& page) {
  const json::array* images = FindArray(&entry, "image");
  if (images == nullptr) return;
  for (const json::value& element : *images) {
    const json::object* image = element.if_object();
    const std::string_view size = AsString(Find(image, "size")).value_or(std::string_view());
    std::string* field = size == "small"        ? play.mutable_album_thumbnail_small()
                         : size == "medium"     ? play.mutable_album_thumbnail_medium()
                         : size == "large"      ? play.mutable_album_thumbnail_large()
                         : size == "extralarge" ? play.mutable_album_thumbnail_extralarge()
                                                : nullptr;
    if (field != nullptr) *field = ingest::ReadUrl(Find(image, "#text"), page);
  }
  play.set_album_thumbnail(play.album_thumbnail_extralarge());
}

// Returns why the entry is rejected, or nullptr.
const char* ReadEntry(const json::value& element, absl::Time now, Page& page) {
  const json::object* entry = element.if_object();
  if (entry == nullptr) return ingest::kNotAnObject;
  if (IsPlayingNow(*entry)) return nullptr;
  Play play;
  play.set_title(ingest::ReadText(Find(entry, "name")));
  if (play.title().empty()) return ingest::kTitleMissing;
  const json::value* date = Find(entry, "date");
  if (date == nullptr) return ingest::kTimeMissing;
  const std::optional<std::int64_t> uts = ReadDigits(Find(date->if_object(), "uts"));
  if (!uts.has_value()) return ingest::kTimeUnusable;
  const absl::Time played_at = absl::FromUnixSeconds(*uts);
  if (!ingest::IsPlausible(played_at, now)) return ingest::kTimeOutOfRange;
  ingest::SetPlayedAt(played_at, play);
  ReadArtist(*entry, play, page);
  const json::object* album = FindObject(entry, "album");
  play.set_album(ingest::ReadText(Find(album, "#text")));
  if (!ingest::TextsFit(play)) return ingest::kTextTooLong;
  play.set_album_mbid(ingest::ReadMbid(Find(album, "mbid"), page));
  play.set_track_mbid(ingest::ReadMbid(Find(entry, "mbid"), page));
  play.set_track_url(ingest::ReadUrl(Find(entry, "url"), page));
  ReadImages(*entry, play, page);
  // A page that was not asked for with extended=1 says nothing of love.
  if (const json::value* loved = Find(entry, "loved")) play.set_loved(ReadFlag(*loved));
  if (const json::value* flag = Find(entry, "streamable")) play.set_streamable(ReadFlag(*flag));
  page.plays.push_back(std::move(play));
  return nullptr;
}

void ReadInto(const json::value& element, absl::Time now, Page& page) {
  const char* reason = ReadEntry(element, now, page);
  if (reason != nullptr) page.rejected.push_back(ingest::Reject(reason, element));
}

// Old answers have the attributes beside `track`.
std::optional<std::int64_t> ReadTotal(const json::object& recent_tracks) {
  const json::object* attributes = FindObject(&recent_tracks, "@attr");
  return ReadDigits(Find(attributes != nullptr ? attributes : &recent_tracks, "total"));
}

// No scrobbles: `track` is absent, null or a blank text.
bool IsNothing(const json::value* track) {
  if (track == nullptr || track->is_null()) return true;
  const std::optional<std::string_view> text = AsString(track);
  return text.has_value() && TrimWhitespace(*text).empty();
}

}  // namespace

std::variant<Page, ApiError, NotAnAnswer> ParseRecentTracks(std::string_view body, absl::Time now) {
  const std::optional<json::value> document = ingest::ParseJson(body);
  if (!document.has_value()) return NotAnAnswer{};
  const json::object* root = document->if_object();
  if (const std::optional<std::int64_t> code = ReadDigits(Find(root, "error"))) {
    return ApiError{static_cast<int>(std::min<std::int64_t>(*code, 999))};
  }
  const json::object* recent_tracks = FindObject(root, "recenttracks");
  if (recent_tracks == nullptr) return NotAnAnswer{};
  const json::value* track = Find(recent_tracks, "track");
  Page page;
  page.total = ReadTotal(*recent_tracks);
  if (IsNothing(track)) return page;
  if (track->is_object()) {
    // A page of one entry.
    ReadInto(*track, now, page);
    return page;
  }
  const json::array* entries = track->if_array();
  if (entries == nullptr || entries->size() > ingest::kMaxPageItems + 1) return NotAnAnswer{};
  for (const json::value& element : *entries) ReadInto(element, now, page);
  return page;
}

lastfm::v1::LastfmSong ToLastfmSong(const Play& play) {
  lastfm::v1::LastfmSong song;
  song.set_title(play.title());
  song.set_artist(play.artist());
  song.set_album(play.album());
  song.set_album_thumbnail(play.album_thumbnail());
  song.set_track_url(play.track_url());
  song.set_played_at(FormatNaive(ingest::PlayedAtOf(play)));
  song.set_source(songs::v1::SOURCE_LASTFM);
  song.set_artist_lastfm_url(play.artist_lastfm_url());
  song.set_track_mbid(play.track_mbid());
  song.set_artist_mbid(play.artist_mbid());
  song.set_album_mbid(play.album_mbid());
  song.set_loved(play.loved());
  song.set_streamable(play.streamable());
  lastfm::v1::AlbumThumbnails* thumbnails = song.mutable_album_thumbnails();
  thumbnails->set_small(play.album_thumbnail_small());
  thumbnails->set_medium(play.album_thumbnail_medium());
  thumbnails->set_large(play.album_thumbnail_large());
  thumbnails->set_extralarge(play.album_thumbnail_extralarge());
  return song;
}

}  // namespace playlog::lastfm_ingest
