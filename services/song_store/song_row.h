#ifndef PLAYLOG_SERVICES_SONG_STORE_SONG_ROW_H_
#define PLAYLOG_SERVICES_SONG_STORE_SONG_ROW_H_

#include <cstddef>
#include <string>

#include "common/db/rows.h"
#include "playlog/songs/v1/song.pb.h"
#include "services/song_store/cursor.h"

namespace playlog::song_store {

// The columns of plays that a song is made of, in the order in which ReadSong takes them.
#define PLAYLOG_SONG_COLUMNS                                                             \
  "id, title, artist, album, played_at, album_thumbnail, track_url, artists_url,"        \
  " duration_ms, source, artist_lastfm_url, track_mbid, artist_mbid, album_mbid, loved," \
  " streamable, album_thumbnail_small, album_thumbnail_medium, album_thumbnail_large,"   \
  " album_thumbnail_extralarge"

inline constexpr std::size_t kColumnsOfSong = 20;

// Writes the song of a row that begins with those columns into `song`, in Protobuf's encoding, and
// returns its place.
Position ReadEncodedSong(const db::Row& row, std::string& song);

// Makes a message of it.
void ReadSong(const db::Row& row, songs::v1::Song& song);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_SONG_ROW_H_
