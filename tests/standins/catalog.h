#ifndef PLAYLOG_TESTS_STANDINS_CATALOG_H_
#define PLAYLOG_TESTS_STANDINS_CATALOG_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/standins/random.h"

namespace playlog::standins {

struct Artist {
  std::string id;    // 22 characters of base 62, as Spotify's.
  std::string name;  // UTF-8.
  std::string mbid;  // A UUID, or "" as Last.fm answers it.
};

struct Album {
  std::string id;
  std::string name;
  std::string mbid;
  std::string type;                    // album, single or compilation.
  std::string release_date;            // As precise as `release_date_precision` says.
  std::string release_date_precision;  // day, month or year.
  std::string image_hash;              // 40 hexadecimal digits; "" for an album without a cover.
  std::vector<std::uint32_t> artists;
  int total_tracks = 1;
};

struct Track {
  std::string id;
  std::string title;
  std::string mbid;
  std::string isrc;  // "" when the recording has none.
  std::vector<std::uint32_t> artists;
  std::uint32_t album = 0;
  std::int64_t duration_ms = 0;
  int track_number = 1;
  int popularity = 0;
  bool is_explicit = false;

  // The serialized forms are the same in every answer, so each is made once, when first needed.
  mutable std::string spotify_json;
  mutable std::string lastfm_plain_json;
  mutable std::string lastfm_extended_json;
};

// The invented music. Not thread-safe. References stay valid while the catalog lives.
class Catalog {
 public:
  // Makes the same artists, albums and tracks for the same seed.
  explicit Catalog(std::uint64_t seed);

  // The tracks that generated histories draw from; those added later are not among them.
  std::uint32_t generated_count() const { return generated_count_; }
  const Track& track(std::uint32_t index) const { return tracks_[index]; }
  const Album& album(std::uint32_t index) const { return albums_[index]; }
  const Artist& artist(std::uint32_t index) const { return artists_[index]; }

  // Adds a track, or finds the one that was added with the same words. At most 200,000 tracks are
  // kept; beyond, std::length_error is thrown.
  std::uint32_t Add(std::string_view title, const std::vector<std::string>& artists,
                    std::string_view album, std::int64_t duration_ms);

  // Where album art lies, with a slash at the end; empty for the real servers. For answers that are
  // made from now on.
  const std::string& art_address() const { return art_address_; }
  void set_art_address(std::string address) { art_address_ = std::move(address); }

  // "" or, more often, a random UUID.
  std::string Mbid();

 private:
  std::uint32_t MakeArtist(std::string_view name);
  std::uint32_t MakeAlbum(std::string_view name, std::vector<std::uint32_t> artists);
  void MakeTracksOf(std::uint32_t album);
  std::uint32_t MakeTrack(std::string title, std::vector<std::uint32_t> artists,
                          std::uint32_t album, std::int64_t duration_ms);

  Random random_;
  std::deque<Artist> artists_;
  std::deque<Album> albums_;
  std::deque<Track> tracks_;
  std::uint32_t generated_count_ = 0;
  std::string art_address_;
};

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_CATALOG_H_
