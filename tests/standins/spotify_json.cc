#include "tests/standins/spotify_json.h"

#include <vector>

#include "tests/standins/json_text.h"
#include "tests/standins/names.h"

namespace playlog::standins {
namespace {

std::string Text(std::string_view text) { return std::string(text); }

std::string ExternalUrls(std::string_view type, std::string_view id) {
  return "\"external_urls\":{\"spotify\":\"https://open.spotify.com/" + Text(type) + "/" +
         Text(id) + "\"}";
}

std::string Href(std::string_view type, std::string_view id) {
  return "\"href\":\"https://api.spotify.com/v1/" + Text(type) + "s/" + Text(id) + "\"";
}

std::string Uri(std::string_view type, std::string_view id) {
  return "\"uri\":\"spotify:" + Text(type) + ":" + Text(id) + "\"";
}

std::string ArtistsJson(const Catalog& catalog, const std::vector<std::uint32_t>& artists) {
  std::string text;
  for (const std::uint32_t index : artists) {
    const Artist& artist = catalog.artist(index);
    if (!text.empty()) text += ",";
    text += "{" + ExternalUrls("artist", artist.id) + "," + Href("artist", artist.id) +
            ",\"id\":\"" + artist.id + "\",\"name\":" + Quoted(artist.name) +
            ",\"type\":\"artist\"," + Uri("artist", artist.id) + "}";
  }
  return "[" + text + "]";
}

const std::string& MarketsJson() {
  static const std::string markets = [] {
    std::string text;
    for (const std::string_view code : MarketCodes()) {
      text += (text.empty() ? "\"" : ",\"") + Text(code) + "\"";
    }
    return "[" + text + "]";
  }();
  return markets;
}

// Widest first, as documented.
std::string ImagesJson(const Catalog& catalog, const Album& album) {
  if (album.image_hash.empty()) return "[]";
  struct Size {
    const char* prefix;
    const char* pixels;
  };
  static constexpr Size kSizes[] = {
      {"ab67616d0000b273", "640"}, {"ab67616d00001e02", "300"}, {"ab67616d00004851", "64"}};
  const std::string root =
      catalog.art_address().empty() ? "https://i.scdn.co/" : catalog.art_address();
  std::string text;
  for (const Size& size : kSizes) {
    if (!text.empty()) text += ",";
    text += "{\"height\":" + Text(size.pixels) + ",\"url\":\"" + root + "image/" +
            Text(size.prefix) + album.image_hash.substr(16) + "\",\"width\":" + Text(size.pixels) +
            "}";
  }
  return "[" + text + "]";
}

std::string AlbumJson(const Catalog& catalog, const Album& album) {
  return "{\"album_type\":\"" + album.type +
         "\",\"artists\":" + ArtistsJson(catalog, album.artists) +
         ",\"available_markets\":" + MarketsJson() + "," + ExternalUrls("album", album.id) + "," +
         Href("album", album.id) + ",\"id\":\"" + album.id +
         "\",\"images\":" + ImagesJson(catalog, album) + ",\"name\":" + Quoted(album.name) +
         ",\"release_date\":\"" + album.release_date + "\",\"release_date_precision\":\"" +
         album.release_date_precision +
         "\",\"total_tracks\":" + std::to_string(album.total_tracks) + ",\"type\":\"album\"," +
         Uri("album", album.id) + "}";
}

}  // namespace

const std::string& SpotifyTrackJson(const Catalog& catalog, std::uint32_t index) {
  const Track& track = catalog.track(index);
  if (!track.spotify_json.empty()) return track.spotify_json;
  const std::string isrc =
      track.isrc.empty() ? std::string("{}") : "{\"isrc\":\"" + track.isrc + "\"}";
  track.spotify_json =
      "{\"album\":" + AlbumJson(catalog, catalog.album(track.album)) +
      ",\"artists\":" + ArtistsJson(catalog, track.artists) +
      ",\"available_markets\":" + MarketsJson() +
      ",\"disc_number\":1,\"duration_ms\":" + std::to_string(track.duration_ms) +
      ",\"explicit\":" + (track.is_explicit ? "true" : "false") + ",\"external_ids\":" + isrc +
      "," + ExternalUrls("track", track.id) + "," + Href("track", track.id) + ",\"id\":\"" +
      track.id + "\",\"is_local\":false,\"name\":" + Quoted(track.title) +
      ",\"popularity\":" + std::to_string(track.popularity) +
      ",\"preview_url\":null,\"track_number\":" + std::to_string(track.track_number) +
      ",\"type\":\"track\"," + Uri("track", track.id) + "}";
  return track.spotify_json;
}

std::string ContextJson(std::string_view type, std::string_view id) {
  return "{\"type\":\"" + Text(type) + "\"," + ExternalUrls(type, id) + "," + Href(type, id) + "," +
         Uri(type, id) + "}";
}

}  // namespace playlog::standins
