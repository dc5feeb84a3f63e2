#include "services/song_store/song_run.h"

#include "playlog/songs/v1/song_store_service.pb.h"
#include "services/song_store/wire_writer.h"

namespace playlog::song_store {

void SongRun::Clear() {
  bytes_.clear();
  songs_.clear();
}

void SongRun::Add(const Position& position, std::string_view song) {
  AppendText(songs::v1::GetStoredSongsResponse::kResultsFieldNumber, song, bytes_);
  songs_.push_back({position, bytes_.size()});
}

std::string_view SongRun::Record(int index) const {
  const auto at = static_cast<std::size_t>(index);
  const std::size_t begin = at == 0 ? 0 : songs_[at - 1].end;
  return std::string_view(bytes_).substr(begin, songs_[at].end - begin);
}

}  // namespace playlog::song_store
