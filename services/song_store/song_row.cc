#include "services/song_store/song_row.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/song_store/wire_writer.h"

namespace playlog::song_store {
namespace {

using songs::v1::Song;

// The field that a column of text fills; one that is empty is left out, which makes a field that
// can be unset unset.
struct TextColumn {
  std::size_t column;
  int field;
};

void AppendTexts(const db::Row& row, std::initializer_list<TextColumn> columns, std::string& song) {
  for (const auto& [column, field] : columns) {
    const std::string_view text = row.Text(column);
    if (!text.empty()) AppendText(field, text, song);
  }
}

void AppendNumber(int field, std::int64_t value, std::string& song) {
  if (value != 0) AppendVarint(field, static_cast<std::uint64_t>(value), song);
}

void AppendTime(int field, std::int64_t micros, std::string& song) {
  using google::protobuf::Timestamp;
  const std::int64_t micros_of_second = ((micros % 1'000'000) + 1'000'000) % 1'000'000;
  std::string time;
  AppendNumber(Timestamp::kSecondsFieldNumber, (micros - micros_of_second) / 1'000'000, time);
  AppendNumber(Timestamp::kNanosFieldNumber, micros_of_second * 1'000, time);
  AppendText(field, time, song);
}

}  // namespace

Position ReadEncodedSong(const db::Row& row, std::string& song) {
  const Position position{absl::ToUnixMicros(row.Time(4)), row.Int64(0)};
  song.clear();
  AppendNumber(Song::kIdFieldNumber, position.id, song);
  AppendTexts(
      row,
      {{1, Song::kTitleFieldNumber}, {2, Song::kArtistFieldNumber}, {3, Song::kAlbumFieldNumber}},
      song);
  AppendTime(Song::kPlayedAtFieldNumber, position.played_at_us, song);
  AppendTexts(row,
              {{5, Song::kAlbumThumbnailFieldNumber},
               {6, Song::kTrackUrlFieldNumber},
               {7, Song::kArtistsUrlFieldNumber}},
              song);
  AppendNumber(Song::kDurationMsFieldNumber, row.Int32(8), song);
  AppendNumber(Song::kSourceFieldNumber, row.Int32(9), song);
  AppendTexts(row,
              {{10, Song::kArtistLastfmUrlFieldNumber},
               {11, Song::kTrackMbidFieldNumber},
               {12, Song::kArtistMbidFieldNumber},
               {13, Song::kAlbumMbidFieldNumber}},
              song);
  AppendNumber(Song::kLovedFieldNumber, row.Bool(14) ? 1 : 0, song);
  AppendNumber(Song::kStreamableFieldNumber, row.Bool(15) ? 1 : 0, song);
  AppendTexts(row,
              {{16, Song::kAlbumThumbnailSmallFieldNumber},
               {17, Song::kAlbumThumbnailMediumFieldNumber},
               {18, Song::kAlbumThumbnailLargeFieldNumber},
               {19, Song::kAlbumThumbnailExtralargeFieldNumber}},
              song);
  return position;
}

void ReadSong(const db::Row& row, Song& song) {
  std::string encoded;
  ReadEncodedSong(row, encoded);
  song.ParseFromString(encoded);
}

}  // namespace playlog::song_store
