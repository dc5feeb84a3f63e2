#include "tests/standins/spotify_oddities.h"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/time_format.h"
#include "tests/standins/oddities.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

void AppendPlayedAt(std::vector<Patch>& patches) {
  const auto add = [&patches](std::string variant, json::value value) {
    patches.push_back({"played_at", std::move(variant), "/played_at", std::move(value)});
  };
  patches.push_back({"played_at", "missing", "/played_at", std::nullopt});
  add("null", nullptr);
  add("empty", "");
  add("now", "now");
  add("infinity", "infinity");
  add("month13", "2024-13-01T10:00:00.000Z");
  add("feb30", "2024-02-30T10:00:00.000Z");
  add("no_zone", "2024-02-20T10:00:00.123");
  add("offset", "2024-02-20T10:00:00.123+14:00");
  add("nine_digits", "2024-02-20T10:00:00.123456789Z");
  add("second60", "2024-02-20T10:00:60.000Z");
  add("y1969", "1969-12-31T23:59:59.000Z");
  add("y2999", "2999-01-01T00:00:00.000Z");
  add("number", 1705329000000);
  add("object", json::object{});
  add("space", "2024-02-20 10:00:00.123Z");
  add("lower", "2024-02-20t10:00:00.123z");
  add("whole_second", "2024-02-20T10:00:00Z");
  add("tomorrow", json::string(FormatRfc3339(absl::Now() + absl::Hours(23))));
  add("in_two_days", json::string(FormatRfc3339(absl::Now() + absl::Hours(48))));
}

json::array ImagesAt(std::string_view url) {
  json::array images;
  for (const int pixels : {640, 300, 64}) {
    json::object image;
    image["height"] = pixels;
    image["url"] = url;
    image["width"] = pixels;
    images.push_back(std::move(image));
  }
  return images;
}

json::value UnsizedImages() {
  json::array images = ImagesAt("https://i.scdn.co/image/ab67616d0000b273000000000000000000000000");
  images.resize(1);
  images[0].as_object()["height"] = nullptr;
  images[0].as_object()["width"] = nullptr;
  return images;
}

void AppendImagesAndAlbum(std::vector<Patch>& patches) {
  const auto set = [&patches](std::string name, std::string pointer, json::value value) {
    patches.push_back({std::move(name), "", std::move(pointer), std::move(value)});
  };
  const auto remove = [&patches](std::string name, std::string pointer) {
    patches.push_back({std::move(name), "", std::move(pointer), std::nullopt});
  };
  const std::string images = "/track/album/images";
  set("image_javascript", images, ImagesAt("javascript:alert(1)"));
  set("image_metadata", images, ImagesAt("http://169.254.169.254/latest/"));
  set("album_images_null", images, nullptr);
  set("album_images_empty", images, json::array{});
  remove("album_images_missing", images);
  set("album_images_null_entry", images + "/0", nullptr);
  set("album_images_unsized", images, UnsizedImages());
  set("album_null", "/track/album", nullptr);
  remove("album_missing", "/track/album");
  set("album_name_empty", "/track/album/name", "");
  set("album_name_null", "/track/album/name", nullptr);
}

json::array ThirteenArtists() {
  json::array artists;
  for (int i = 1; i <= 13; ++i) {
    const std::string id = "0000000000000000000c" + std::to_string(10 + i);
    json::object artist;
    json::object urls;
    urls["spotify"] = "https://open.spotify.com/artist/" + id;
    artist["external_urls"] = std::move(urls);
    artist["href"] = "https://api.spotify.com/v1/artists/" + id;
    artist["id"] = id;
    artist["name"] = "Choir Voice " + std::to_string(i);
    artist["type"] = "artist";
    artist["uri"] = "spotify:artist:" + id;
    artists.push_back(std::move(artist));
  }
  return artists;
}

void AppendArtistsAndTrack(std::vector<Patch>& patches) {
  const auto set = [&patches](std::string name, std::string pointer, json::value value) {
    patches.push_back({std::move(name), "", std::move(pointer), std::move(value)});
  };
  const auto remove = [&patches](std::string name, std::string pointer) {
    patches.push_back({std::move(name), "", std::move(pointer), std::nullopt});
  };
  set("artists_empty", "/track/artists", json::array{});
  set("artists_null", "/track/artists", nullptr);
  remove("artists_missing", "/track/artists");
  set("artist_name_null", "/track/artists/0/name", nullptr);
  set("artists_13", "/track/artists", ThirteenArtists());
  set("artist_10k", "/track/artists/0/name", json::string(Repeated("Endless ", 1250)));
  remove("external_ids_missing", "/track/external_ids");
  set("external_ids_empty", "/track/external_ids", json::object{});
  set("external_ids_null", "/track/external_ids", nullptr);
  remove("external_urls_missing", "/track/external_urls");
  set("duration_negative", "/track/duration_ms", -1);
  set("duration_string", "/track/duration_ms", "215000");
  set("duration_float", "/track/duration_ms", 215000.5);
  set("duration_huge", "/track/duration_ms", 9'007'199'254'740'993);
  set("duration_null", "/track/duration_ms", nullptr);
  set("local_track", "/track/is_local", true);
  set("local_track", "/track/id", nullptr);
  set("local_track", "/track/href", nullptr);
  set("local_track", "/track/external_urls", json::object{});
  set("local_track", "/track/external_ids", json::object{});
  set("local_track", "/track/album/id", nullptr);
  set("local_track", "/track/album/images", json::array{});
  set("spoken_clip", "/track/name", "Good afternoon");
  set("spoken_clip", "/track/duration_ms", 9012);
  set("spoken_clip", "/track/external_ids", json::object{});
  set("spoken_clip", "/track/artists/0/name", "Spotify");
  set("spoken_clip", "/track/album/name", "Daily Drive");
  remove("context_missing", "/context");
  set("track_null", "/track", nullptr);
  remove("track_missing", "/track");
  set("item_null", "", nullptr);
  set("item_string", "", "x");
}

std::vector<Patch> Patches() {
  std::vector<Patch> patches;
  AppendPlayedAt(patches);
  AppendTitlePatches("/track/name", patches);
  AppendUrlPatches("/track/external_urls/spotify", patches);
  AppendImagesAndAlbum(patches);
  AppendArtistsAndTrack(patches);
  return patches;
}

void MixItems(json::array& items) {
  json::array mixed;
  const json::value good = items.empty() ? json::value(nullptr) : items[0];
  const json::value other_good = items.size() < 2 ? good : items[1];
  mixed.push_back(nullptr);
  mixed.push_back(good);
  json::object trackless;
  trackless["track"] = nullptr;
  mixed.push_back(std::move(trackless));
  mixed.push_back(7);
  mixed.push_back("x");
  mixed.push_back(json::array{});
  mixed.push_back(json::object{});
  mixed.push_back(other_good);
  items = std::move(mixed);
}

// What development mode has not had since February 2026, and what 2017 did not have.
void Diminish(json::array& items, bool simplified) {
  for (json::value& item : items) {
    json::object& track = item.at("track").as_object();
    for (const char* member : {"external_ids", "available_markets", "popularity", "linked_from"}) {
      track.erase(member);
    }
    if (simplified) {
      track.erase("album");
    } else {
      track.at("album").as_object().erase("available_markets");
    }
  }
}

constexpr const char* kPageNames[] = {
    "items_missing", "items_null", "items_object", "items_string", "items_mixed", "dev_mode",
    "simplified",    "duplicates", "twins",        "oldest_first", "shuffled"};

// False when the scenario is no matter of the whole page.
bool SpoilPage(const std::string& name, json::object& page) {
  if (name == "items_missing") {
    page.erase("items");
    return true;
  }
  json::value& items = page.at("items");
  if (name == "items_null") {
    items = nullptr;
  } else if (name == "items_object") {
    items = json::object{};
  } else if (name == "items_string") {
    items = "none";
  } else if (name == "items_mixed") {
    MixItems(items.as_array());
  } else if (name == "dev_mode" || name == "simplified") {
    Diminish(items.as_array(), name == "simplified");
  } else {
    return Reorder(name, "played_at", items.as_array());
  }
  return true;
}

}  // namespace

bool IsSpotifyOddity(const Scenario& scenario) {
  return std::find(std::begin(kPageNames), std::end(kPageNames), scenario.name) !=
             std::end(kPageNames) ||
         IsOddity(Patches(), scenario);
}

void ApplySpotifyOddity(const Scenario& scenario, json::value& page) {
  if (SpoilPage(scenario.name, page.as_object())) return;
  SpoilItems(Patches(), scenario, page.at("items").as_array());
}

std::vector<std::string> SpotifyOddityNames() {
  std::vector<std::string> names(std::begin(kPageNames), std::end(kPageNames));
  for (std::string& name : NamesOf(Patches())) names.push_back(std::move(name));
  return names;
}

}  // namespace playlog::standins
