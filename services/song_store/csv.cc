#include "services/song_store/csv.h"

#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/time_format.h"

namespace playlog::song_store {
namespace {

using songs::v1::ListedSong;
using songs::v1::Song;

constexpr std::string_view kFormulaStarts = "=+-@\t\r";

std::string_view SourceName(songs::v1::Source source) {
  switch (source) {
    case songs::v1::SOURCE_SPOTIFY:
      return "spotify";
    case songs::v1::SOURCE_LASTFM:
      return "lastfm";
    default:
      return "";
  }
}

}  // namespace

void AppendCsvText(std::string_view text, std::string& out) {
  const bool is_formula =
      !text.empty() && kFormulaStarts.find(text.front()) != std::string_view::npos;
  const bool is_quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
  if (is_quoted) out.push_back('"');
  if (is_formula) out.push_back('\'');
  for (const char character : text) {
    if (character == '"') out.push_back('"');
    out.push_back(character);
  }
  if (is_quoted) out.push_back('"');
}

std::string CsvHeader() {
  return "id,played_at,user_id,username,title,artist,album,source,duration_ms,loved,streamable,"
         "track_url,artists_url,artist_lastfm_url,track_mbid,artist_mbid,album_mbid,"
         "album_thumbnail,album_thumbnail_small,album_thumbnail_medium,album_thumbnail_large,"
         "album_thumbnail_extralarge,batch_id\r\n";
}

void AppendCsv(const ListedSong& listed, std::string& out) {
  const Song& song = listed.song();
  const absl::Time played_at = absl::FromUnixMicros(
      google::protobuf::util::TimeUtil::TimestampToMicroseconds(song.played_at()));
  absl::StrAppend(&out, song.id(), ",", FormatRfc3339(played_at), ",", listed.user_id());
  for (const std::string& text : {listed.username(), song.title(), song.artist(), song.album()}) {
    out.push_back(',');
    AppendCsvText(text, out);
  }
  absl::StrAppend(&out, ",", std::string(SourceName(song.source())), ",", song.duration_ms(), ",",
                  song.loved() ? "true" : "false", ",", song.streamable() ? "true" : "false");
  for (const std::string& text :
       {song.track_url(), song.artists_url(), song.artist_lastfm_url(), song.track_mbid(),
        song.artist_mbid(), song.album_mbid(), song.album_thumbnail(), song.album_thumbnail_small(),
        song.album_thumbnail_medium(), song.album_thumbnail_large(),
        song.album_thumbnail_extralarge()}) {
    out.push_back(',');
    AppendCsvText(text, out);
  }
  absl::StrAppend(&out, ",", listed.batch_id(), "\r\n");
}

}  // namespace playlog::song_store
