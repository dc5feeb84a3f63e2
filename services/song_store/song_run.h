#ifndef PLAYLOG_SERVICES_SONG_STORE_SONG_RUN_H_
#define PLAYLOG_SERVICES_SONG_STORE_SONG_RUN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/song_store/cursor.h"

namespace playlog::song_store {

// Songs in a row, in the form in which answers carry them: in Protobuf's encoding, each a record of
// the field `results` of GetStoredSongsResponse, so that some songs in a row are the bytes of an
// answer. Songs that are only passed on are not made messages first, with a dozen allocations each.
class SongRun {
 public:
  int size() const { return static_cast<int>(songs_.size()); }
  bool empty() const { return songs_.empty(); }
  void Clear();

  // Appends a song that is encoded.
  void Add(const Position& position, std::string_view song);

  Position position(int index) const { return songs_[static_cast<std::size_t>(index)].position; }
  // The record of one song.
  std::string_view Record(int index) const;

 private:
  struct Entry {
    Position position;
    std::size_t end = 0;  // Of its record.
  };
  std::string bytes_;
  std::vector<Entry> songs_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_SONG_RUN_H_
