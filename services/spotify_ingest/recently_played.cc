#include "services/spotify_ingest/recently_played.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <utility>

#include "common/base/time_format.h"
#include "common/ingest/json.h"

namespace playlog::spotify_ingest {
namespace {

namespace json = boost::json;
using ingest::AsString;
using ingest::Find;
using ingest::FindArray;
using ingest::FindObject;
using ingest::Page;
using songs::v1::Play;

void AppendToList(const std::string& text, std::string& list) {
  if (text.empty()) return;
  if (!list.empty()) list += ", ";
  list += text;
}

void ReadArtists(const json::object& track, Play& play, Page& page) {
  const json::array* artists = FindArray(&track, "artists");
  if (artists == nullptr) return;
  for (const json::value& entry : *artists) {
    const json::object* artist = entry.if_object();
    AppendToList(ingest::ReadText(Find(artist, "name")), *play.mutable_artist());
    const std::string url =
        ingest::ReadUrl(Find(FindObject(artist, "external_urls"), "spotify"), page);
    // Addresses that no longer fit are left out whole.
    if (play.artists_url().size() + url.size() + 2 <= ingest::kMaxUrlBytes) {
      AppendToList(url, *play.mutable_artists_url());
    }
  }
}

void ReadAlbum(const json::object& track, Play& play, Page& page) {
  const json::object* album = FindObject(&track, "album");
  play.set_album(ingest::ReadText(Find(album, "name")));
  const json::array* images = FindArray(album, "images");
  if (images == nullptr) return;
  for (const json::value& image : *images) {
    // The widest comes first.
    if (!image.is_object()) continue;
    play.set_album_thumbnail(ingest::ReadUrl(image.get_object().if_contains("url"), page));
    return;
  }
}

// Returns why the item is rejected, or nullptr.
const char* ReadItem(const json::value& item, absl::Time now, Page& page) {
  const json::object* object = item.if_object();
  if (object == nullptr) return ingest::kNotAnObject;
  const json::object* track = FindObject(object, "track");
  if (track == nullptr) return ingest::kTrackMissing;
  Play play;
  play.set_title(ingest::ReadText(Find(track, "name")));
  if (play.title().empty()) return ingest::kTitleMissing;
  const json::value* played_at_value = Find(object, "played_at");
  if (played_at_value == nullptr) return ingest::kTimeMissing;
  const std::optional<absl::Time> played_at =
      ParseRfc3339(AsString(played_at_value).value_or(std::string_view()));
  if (!played_at.has_value()) return ingest::kTimeUnusable;
  if (!ingest::IsPlausible(*played_at, now)) return ingest::kTimeOutOfRange;
  ingest::SetPlayedAt(*played_at, play);
  ReadArtists(*track, play, page);
  ReadAlbum(*track, play, page);
  if (!ingest::TextsFit(play)) return ingest::kTextTooLong;
  play.set_track_url(ingest::ReadUrl(Find(FindObject(track, "external_urls"), "spotify"), page));
  play.set_duration_ms(ingest::ReadDurationMs(Find(track, "duration_ms")));
  page.plays.push_back(std::move(play));
  return nullptr;
}

}  // namespace

std::optional<Page> ParseRecentlyPlayed(std::string_view body, absl::Time now) {
  const std::optional<json::value> document = ingest::ParseJson(body);
  if (!document.has_value()) return std::nullopt;
  const json::array* items = FindArray(document->if_object(), "items");
  if (items == nullptr || items->size() > ingest::kMaxPageItems) return std::nullopt;
  Page page;
  for (const json::value& item : *items) {
    const char* reason = ReadItem(item, now, page);
    if (reason != nullptr) page.rejected.push_back(ingest::Reject(reason, item));
  }
  return page;
}

spotify::v1::SpotifySong ToSpotifySong(const Play& play) {
  spotify::v1::SpotifySong song;
  song.set_title(play.title());
  song.set_artist(play.artist());
  song.set_album(play.album());
  song.set_album_thumbnail(play.album_thumbnail());
  song.set_track_url(play.track_url());
  song.set_artists_url(play.artists_url());
  song.set_duration_ms(play.duration_ms());
  *song.mutable_played_at() = play.played_at();
  song.set_source(songs::v1::SOURCE_SPOTIFY);
  return song;
}

}  // namespace playlog::spotify_ingest
