#include "tests/standins/lastfm_oddities.h"

#include <algorithm>
#include <boost/json.hpp>
#include <iterator>
#include <utility>

#include "tests/standins/library.h"
#include "tests/standins/oddities.h"

namespace playlog::standins {
namespace {

namespace json = boost::json;

// Adds the patches of one table: a name, and where and what to set or remove.
class Table {
 public:
  Table(std::vector<Patch>& patches, std::string name)
      : patches_(patches), name_(std::move(name)) {}

  void Set(std::string variant, std::string pointer, json::value value) {
    patches_.push_back({name_, std::move(variant), std::move(pointer), std::move(value)});
  }
  void Remove(std::string variant, std::string pointer) {
    patches_.push_back({name_, std::move(variant), std::move(pointer), std::nullopt});
  }

 private:
  std::vector<Patch>& patches_;
  const std::string name_;
};

void AppendDates(std::vector<Patch>& patches) {
  const std::string uts = "/date/uts";
  Table table(patches, "uts");
  table.Set("empty", uts, "");
  table.Set("zero", uts, "0");
  table.Set("exponent", uts, "1e9");
  table.Set("number", uts, 1705329000);
  table.Set("huge", uts, "99999999999");
  table.Set("word", uts, "1970");
  table.Set("negative", uts, "-1705329000");
  table.Set("plus", uts, "+1705329000");
  table.Set("blank", uts, " 1705329000");
  table.Set("float", uts, "1705329000.5");
  table.Set("null", uts, nullptr);
  table.Remove("missing", uts);
  table.Set("before_2002", uts, "978307200");
  table.Set("in_two_days", uts, json::string(std::to_string(NowMs() / 1000 + 2 * 86'400)));
  Table(patches, "date_missing").Remove("", "/date");
  Table(patches, "date_null").Set("", "/date", nullptr);
  Table(patches, "date_string").Set("", "/date", "20 Jan 2024, 10:03");
  Table(patches, "date_only_text").Remove("", uts);
}

json::array ImagesAt(std::string_view size, std::string_view url) {
  json::array images;
  json::object image;
  image["size"] = size;
  image["#text"] = url;
  images.push_back(std::move(image));
  return images;
}

void AppendImages(std::vector<Patch>& patches) {
  const std::string pointer = "/image";
  const std::string_view picture = "https://lastfm.freetls.fastly.net/i/u/300x300/0123abcd.jpg";
  Table table(patches, "image");
  table.Set("empty", pointer, json::array{});
  table.Set("text_empty", pointer, ImagesAt("extralarge", ""));
  json::array unsized = ImagesAt("", picture);
  unsized[0].as_object().erase("size");
  table.Set("size_missing", pointer, std::move(unsized));
  table.Set("mega", pointer, ImagesAt("mega", picture));
  table.Set("null", pointer, nullptr);
  table.Remove("missing", pointer);
  table.Set("string", pointer, "none");
  table.Set("null_entry", pointer + "/0", nullptr);
  table.Set("javascript", pointer, ImagesAt("extralarge", "javascript:alert(1)"));
  table.Set("metadata", pointer, ImagesAt("extralarge", "http://169.254.169.254/latest/"));
  table.Set("placeholder", pointer,
            ImagesAt("extralarge",
                     "https://lastfm.freetls.fastly.net/i/u/300x300/"
                     "2a96cbd8b46e442fc41c2b86b821562f.png"));
}

void AppendMbids(std::vector<Patch>& patches) {
  const std::string uuid = "6d1f3b2e-58a7-4c0d-9e41-7b8a2c5f9d03";
  const std::pair<std::string, json::value> kValues[] = {
      {"empty", ""},
      {"word", "abc"},
      {"upper", "6D1F3B2E-58A7-4C0D-9E41-7B8A2C5F9D03"},
      {"long", json::string(uuid + "4")},
      {"longer", json::string(std::string(101, 'a'))},
      {"number", 12},
      {"null", nullptr},
      {"list", json::string(uuid + "," + uuid)}};
  Table table(patches, "mbid");
  for (const auto& [variant, value] : kValues) {
    for (const char* pointer : {"/mbid", "/artist/mbid", "/album/mbid"}) {
      table.Set(variant, pointer, value);
    }
  }
  for (const char* pointer : {"/mbid", "/artist/mbid", "/album/mbid"}) {
    table.Remove("missing", pointer);
  }
}

void AppendArtistAndAlbum(std::vector<Patch>& patches) {
  // The plain form and the extended one keep the name in different members: each patch of the pair
  // acts on whichever is there, and setting the other does no harm to a reader of the first.
  const auto set_name = [&patches](const char* oddity, const json::value& value) {
    Table table(patches, oddity);
    table.Set("", "/artist/#text", value);
    table.Set("", "/artist/name", value);
  };
  set_name("artist_empty", "");
  Table(patches, "artist_null").Set("", "/artist", nullptr);
  Table(patches, "artist_missing").Remove("", "/artist");
  Table(patches, "artist_string").Set("", "/artist", "Kestrel Avenue");
  set_name("artist_10k", json::string(Repeated("Endless ", 1250)));
  set_name("artist_nul", json::string(std::string("Nul\0l", 5)));
  json::object only_text;
  only_text["#text"] = "Kestrel Avenue";
  Table(patches, "artist_only_text").Set("", "/artist", std::move(only_text));
  json::object only_name;
  only_name["name"] = "Kestrel Avenue";
  Table(patches, "artist_only_name").Set("", "/artist", std::move(only_name));
  Table(patches, "album_empty").Set("", "/album/#text", "");
  Table(patches, "album_null").Set("", "/album", nullptr);
  Table(patches, "album_missing").Remove("", "/album");
  Table(patches, "album_string").Set("", "/album", "Copper Year");
}

void AppendFlags(std::vector<Patch>& patches) {
  for (const std::string member : {"loved", "streamable"}) {
    const std::string pointer = "/" + member;
    Table table(patches, member);
    table.Set("one", pointer, "1");
    table.Set("zero", pointer, "0");
    table.Set("number", pointer, 1);
    table.Set("bool", pointer, true);
    table.Set("word", pointer, "yes");
    table.Remove("missing", pointer);
    table.Set("null", pointer, nullptr);
  }
}

std::vector<Patch> Patches() {
  std::vector<Patch> patches;
  AppendDates(patches);
  AppendTitlePatches("/name", patches);
  AppendUrlPatches("/url", patches);
  AppendImages(patches);
  AppendMbids(patches);
  AppendArtistAndAlbum(patches);
  AppendFlags(patches);
  Table(patches, "item_null").Set("", "", nullptr);
  Table(patches, "item_string").Set("", "", "x");
  return patches;
}

json::array MixedTracks(const json::array& tracks) {
  json::array mixed;
  const json::value good = tracks.empty() ? json::value(nullptr) : tracks[0];
  const json::value other_good = tracks.size() < 2 ? good : tracks[1];
  mixed.push_back(nullptr);
  mixed.push_back(good);
  mixed.push_back(json::object{});
  mixed.push_back(7);
  mixed.push_back("x");
  mixed.push_back(json::array{});
  mixed.push_back(other_good);
  return mixed;
}

// Numbers, not strings, in the page's attributes.
void MakeNumbers(json::object& attributes) {
  for (auto& member : attributes) {
    if (member.key() == "user") continue;
    member.value() = std::stoll(std::string(member.value().as_string()));
  }
}

// The form of 2014: the attributes beside the tracks, and pages that count from 0.
void Flatten(json::object& recent) {
  const json::object attributes = recent.at("@attr").as_object();
  recent.erase("@attr");
  for (const auto& member : attributes) recent[member.key()] = member.value();
  recent["page"] = "0";
}

void SpoilNowPlaying(const std::string& name, json::array& tracks) {
  if (tracks.size() < 2) return;
  json::object& entry = tracks[0].as_object();
  if (name == "nowplaying_dated") entry["date"] = tracks[1].at("date");
  json::object attributes;
  if (name == "nowplaying_false") attributes["nowplaying"] = "false";
  if (name == "nowplaying_bool") attributes["nowplaying"] = true;
  if (!attributes.empty()) entry["@attr"] = std::move(attributes);
}

// What takes the place of "track"; empty when the scenario is none of those.
std::optional<json::value> InPlaceOfTracks(const std::string& name, const json::object& recent) {
  if (name == "track_null") return json::value(nullptr);
  if (name == "track_string") return json::value("");
  if (name == "track_number") return json::value(7);
  if (name == "track_mixed") return json::value(MixedTracks(recent.at("track").as_array()));
  return std::nullopt;
}

constexpr const char* kPageNames[] = {"track_absent",
                                      "track_text",
                                      "track_null",
                                      "track_string",
                                      "track_number",
                                      "track_mixed",
                                      "attr_missing",
                                      "attr_numbers",
                                      "old_flat",
                                      "recenttracks_missing",
                                      "recenttracks_null",
                                      "recenttracks_array",
                                      "nowplaying_dated",
                                      "nowplaying_false",
                                      "nowplaying_bool",
                                      "duplicates",
                                      "twins",
                                      "oldest_first",
                                      "shuffled"};

bool SpoilDocument(const std::string& name, json::object& document) {
  if (name == "recenttracks_missing") {
    document.erase("recenttracks");
  } else if (name == "recenttracks_null") {
    document["recenttracks"] = nullptr;
  } else if (name == "recenttracks_array") {
    document["recenttracks"] = json::array{};
  } else {
    return false;
  }
  return true;
}

bool SpoilPage(const std::string& name, json::object& recent) {
  if (const auto replacement = InPlaceOfTracks(name, recent)) {
    recent["track"] = *replacement;
  } else if (name == "track_absent" || name == "track_text") {
    recent.erase("track");
    if (name == "track_text") recent["#text"] = "\n";
  } else if (name == "attr_missing") {
    recent.erase("@attr");
  } else if (name == "attr_numbers") {
    MakeNumbers(recent.at("@attr").as_object());
  } else if (name == "old_flat") {
    Flatten(recent);
  } else if (name.starts_with("nowplaying_")) {
    SpoilNowPlaying(name, recent.at("track").as_array());
  } else {
    return Reorder(name, "date", recent.at("track").as_array());
  }
  return true;
}

}  // namespace

bool IsLastfmOddity(const Scenario& scenario) {
  return std::find(std::begin(kPageNames), std::end(kPageNames), scenario.name) !=
             std::end(kPageNames) ||
         IsOddity(Patches(), scenario);
}

void ApplyLastfmOddity(const Scenario& scenario, json::value& page) {
  if (SpoilDocument(scenario.name, page.as_object())) return;
  json::object& recent = page.at("recenttracks").as_object();
  if (SpoilPage(scenario.name, recent)) return;
  SpoilItems(Patches(), scenario, recent.at("track").as_array());
}

std::vector<std::string> LastfmOddityNames() {
  std::vector<std::string> names(std::begin(kPageNames), std::end(kPageNames));
  for (std::string& name : NamesOf(Patches())) names.push_back(std::move(name));
  return names;
}

}  // namespace playlog::standins
