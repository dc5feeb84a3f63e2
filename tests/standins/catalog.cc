#include "tests/standins/catalog.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tests/standins/names.h"

namespace playlog::standins {
namespace {

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kSpotifyIdLength = 22;
constexpr std::size_t kAlbumCount = 140;
constexpr std::size_t kMaxTracks = 200'000;
// Last.fm takes no scrobble of a track of 30 s or less, so the shared listeners have none.
constexpr std::int64_t kShortestTrackMs = 95'000;
constexpr std::int64_t kLongestTrackMs = 415'000;

std::string TwoDigits(std::int64_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

template <class T>
const T& OneOf(Random& random, std::span<const T> all) {
  return all[random.Below(all.size())];
}

// What labels append to titles, and how often.
std::string Decorated(Random& random, std::string title, std::string_view guest) {
  const std::int64_t year = random.Between(1998, 2024);
  if (!guest.empty() && random.OneIn(2)) return title + " (feat. " + std::string(guest) + ")";
  switch (random.Below(24)) {
    case 0:
      return title + " - Remastered " + std::to_string(year);
    case 1:
      return title + " - " + std::to_string(year) + " Remaster";
    case 2:
      return title + " - Radio Edit";
    case 3:
      return title + " (Live at the Boathouse)";
    case 4:
      return title + " - Acoustic";
    default:
      return title;
  }
}

std::string Isrc(Random& random) {
  return std::string(OneOf(random, MarketCodes())) +
         random.Text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 3) + TwoDigits(random.Between(0, 25)) +
         random.Text("0123456789", 5);
}

}  // namespace

Catalog::Catalog(std::uint64_t seed) : random_(HashOf("catalog", seed)) {
  for (const std::string_view name : ArtistNames()) MakeArtist(name);
  for (std::size_t i = 0; i < kAlbumCount; ++i) {
    const auto main_artist = static_cast<std::uint32_t>(random_.Below(artists_.size()));
    const std::uint32_t album = MakeAlbum(OneOf(random_, AlbumNames()), {main_artist});
    MakeTracksOf(album);
  }
  generated_count_ = static_cast<std::uint32_t>(tracks_.size());
}

std::string Catalog::Mbid() {
  // About three of ten are unknown to MusicBrainz.
  if (random_.Below(10) < 3) return "";
  return random_.Text(kHex, 8) + "-" + random_.Text(kHex, 4) + "-4" + random_.Text(kHex, 3) + "-" +
         random_.Text("89ab", 1) + random_.Text(kHex, 3) + "-" + random_.Text(kHex, 12);
}

std::uint32_t Catalog::MakeArtist(std::string_view name) {
  Artist artist;
  artist.id = random_.Text(kBase62, kSpotifyIdLength);
  artist.name = name;
  artist.mbid = Mbid();
  artists_.push_back(std::move(artist));
  return static_cast<std::uint32_t>(artists_.size() - 1);
}

std::uint32_t Catalog::MakeAlbum(std::string_view name, std::vector<std::uint32_t> artists) {
  static constexpr std::string_view kTypes[] = {"album", "album", "album", "single", "compilation"};
  Album album;
  album.id = random_.Text(kBase62, kSpotifyIdLength);
  album.name = name;
  album.mbid = Mbid();
  album.type = OneOf<std::string_view>(random_, kTypes);
  album.artists = std::move(artists);
  album.total_tracks = album.type == "single" ? 1 : static_cast<int>(random_.Between(5, 14));
  album.image_hash = random_.OneIn(25) ? "" : random_.Text(kHex, 40);
  album.release_date = std::to_string(random_.Between(1967, 2025));
  album.release_date_precision = "year";
  if (!random_.OneIn(6)) {
    album.release_date += "-" + TwoDigits(random_.Between(1, 12));
    album.release_date_precision = "month";
    if (!random_.OneIn(12)) {
      album.release_date += "-" + TwoDigits(random_.Between(1, 28));
      album.release_date_precision = "day";
    }
  }
  albums_.push_back(std::move(album));
  return static_cast<std::uint32_t>(albums_.size() - 1);
}

void Catalog::MakeTracksOf(std::uint32_t album) {
  const int count = std::min(albums_[album].total_tracks, 8);
  for (int number = 1; number <= count; ++number) {
    std::vector<std::uint32_t> artists = albums_[album].artists;
    // About half of all plays have more than one artist.
    const std::uint64_t guests = random_.OneIn(2) ? random_.Between(1, 2) : 0;
    for (std::uint64_t i = 0; i < guests; ++i) {
      const auto guest = static_cast<std::uint32_t>(random_.Below(ArtistNames().size()));
      if (std::find(artists.begin(), artists.end(), guest) == artists.end()) {
        artists.push_back(guest);
      }
    }
    const std::string_view guest_name =
        artists.size() > 1 ? std::string_view(artists_[artists[1]].name) : std::string_view();
    std::string title = Decorated(random_, std::string(OneOf(random_, SongTitles())), guest_name);
    const std::int64_t duration_ms = random_.Between(kShortestTrackMs, kLongestTrackMs);
    const std::uint32_t track = MakeTrack(std::move(title), std::move(artists), album, duration_ms);
    tracks_[track].track_number = number;
  }
}

std::uint32_t Catalog::MakeTrack(std::string title, std::vector<std::uint32_t> artists,
                                 std::uint32_t album, std::int64_t duration_ms) {
  if (tracks_.size() >= kMaxTracks) throw std::length_error("too many tracks were added");
  Track track;
  track.id = random_.Text(kBase62, kSpotifyIdLength);
  track.title = std::move(title);
  track.mbid = Mbid();
  track.isrc = random_.OneIn(20) ? "" : Isrc(random_);
  track.artists = std::move(artists);
  track.album = album;
  track.duration_ms = duration_ms;
  track.popularity = static_cast<int>(random_.Below(90));
  track.is_explicit = random_.OneIn(9);
  tracks_.push_back(std::move(track));
  return static_cast<std::uint32_t>(tracks_.size() - 1);
}

std::uint32_t Catalog::Add(std::string_view title, const std::vector<std::string>& artists,
                           std::string_view album, std::int64_t duration_ms) {
  for (std::uint32_t i = generated_count_; i < tracks_.size(); ++i) {
    const Track& known = tracks_[i];
    const bool same_artists =
        std::equal(known.artists.begin(), known.artists.end(), artists.begin(), artists.end(),
                   [this](std::uint32_t index, const std::string& name) {
                     return artists_[index].name == name;
                   });
    if (known.title == title && same_artists && albums_[known.album].name == album &&
        known.duration_ms == duration_ms) {
      return i;
    }
  }
  std::vector<std::uint32_t> indexes;
  for (const std::string& name : artists) {
    std::uint32_t index = 0;
    while (index < artists_.size() && artists_[index].name != name) ++index;
    indexes.push_back(index < artists_.size() ? index : MakeArtist(name));
  }
  std::vector<std::uint32_t> main_artists(indexes.begin(),
                                          indexes.begin() + (indexes.empty() ? 0 : 1));
  const std::uint32_t new_album = MakeAlbum(album, std::move(main_artists));
  return MakeTrack(std::string(title), std::move(indexes), new_album, duration_ms);
}

}  // namespace playlog::standins
