#include "tests/standins/lastfm_json.h"

#include <string_view>

#include "absl/time/time.h"
#include "tests/standins/http_message.h"
#include "tests/standins/json_text.h"

namespace playlog::standins {
namespace {

constexpr char kImageServer[] = "https://lastfm.freetls.fastly.net/";
// The grey picture that the service shows for artists, whoever they are.
constexpr std::string_view kPlaceholder = "2a96cbd8b46e442fc41c2b86b821562f.png";

// Four sizes of one picture; empty texts when there is none.
std::string ImagesJson(const Catalog& catalog, std::string_view file) {
  struct Size {
    std::string_view name;
    std::string_view folder;
  };
  static constexpr Size kSizes[] = {
      {"small", "34s"}, {"medium", "64s"}, {"large", "174s"}, {"extralarge", "300x300"}};
  const std::string root = catalog.art_address().empty() ? kImageServer : catalog.art_address();
  std::string text;
  for (const Size& size : kSizes) {
    std::string url;
    if (!file.empty()) {
      url = root + "i/u/" + std::string(size.folder) + "/" + std::string(file);
    }
    text += (text.empty() ? "{\"size\":\"" : ",{\"size\":\"") + std::string(size.name) +
            "\",\"#text\":" + Quoted(url) + "}";
  }
  return "[" + text + "]";
}

// Path segments of Last.fm links hold plus signs for spaces.
std::string LinkSegment(std::string_view text) {
  std::string encoded = PercentEncode(text);
  std::size_t place = 0;
  while ((place = encoded.find("%20", place)) != std::string::npos) encoded.replace(place, 3, "+");
  return encoded;
}

std::string FieldsJson(const Catalog& catalog, const Track& track, bool extended) {
  const Album& album = catalog.album(track.album);
  const std::string artist_name =
      track.artists.empty() ? std::string() : catalog.artist(track.artists.front()).name;
  const std::string artist_mbid =
      track.artists.empty() ? std::string() : catalog.artist(track.artists.front()).mbid;
  const std::string artist_url = "https://www.last.fm/music/" + LinkSegment(artist_name);
  std::string artist = "{\"mbid\":\"" + artist_mbid + "\",\"#text\":" + Quoted(artist_name) + "}";
  if (extended) {
    artist = "{\"url\":" + Quoted(artist_url) + ",\"mbid\":\"" + artist_mbid +
             "\",\"image\":" + ImagesJson(catalog, kPlaceholder) +
             ",\"name\":" + Quoted(artist_name) + "}";
  }
  const std::string cover =
      album.image_hash.empty() ? std::string() : album.image_hash.substr(0, 32) + ".jpg";
  return "\"artist\":" + artist + ",\"streamable\":\"0\",\"image\":" + ImagesJson(catalog, cover) +
         ",\"mbid\":\"" + track.mbid + "\",\"album\":{\"mbid\":\"" + album.mbid +
         "\",\"#text\":" + Quoted(album.name) + "},\"name\":" + Quoted(track.title) +
         ",\"url\":" + Quoted(artist_url + "/_/" + LinkSegment(track.title));
}

std::string DateJson(std::int64_t started_s) {
  return ",\"date\":{\"uts\":\"" + std::to_string(started_s) + "\",\"#text\":\"" +
         absl::FormatTime("%d %b %Y, %H:%M", absl::FromUnixSeconds(started_s),
                          absl::UTCTimeZone()) +
         "\"}";
}

}  // namespace

std::string LastfmEntryJson(const Catalog& catalog, const LastfmEntry& entry, bool extended) {
  const Track& track = catalog.track(entry.track);
  std::string& fields = extended ? track.lastfm_extended_json : track.lastfm_plain_json;
  if (fields.empty()) fields = FieldsJson(catalog, track, extended);
  std::string text = "{" + fields;
  if (extended) text += entry.loved ? ",\"loved\":\"1\"" : ",\"loved\":\"0\"";
  text += entry.started_s ? DateJson(*entry.started_s) : ",\"@attr\":{\"nowplaying\":\"true\"}";
  return text + "}";
}

}  // namespace playlog::standins
