#include <map>

#include "absl/strings/str_cat.h"
#include "tests/end_to_end/bad_upstream.h"

namespace playlog::harness {
namespace {

constexpr int kTries = 3;
constexpr int kPage = 50;

using Rows = std::vector<UpstreamRow>;

void Both(Rows& rows, const std::string& id, const std::string& scenario, int status, int plays,
          int calls, int calls_max = 0) {
  for (const Upstream upstream : {Upstream::kSpotify, Upstream::kLastfm}) {
    rows.push_back({id, upstream, scenario, status, plays, plays > 0 ? 0 : -1, calls, calls_max});
  }
}

// An odd item between two good ones: kept or rejected.
void Odd(Rows& rows, const std::string& id, Upstream upstream, const std::string& scenario,
         bool kept) {
  rows.push_back({id, upstream, scenario, 200, kept ? 3 : 2, kept ? 0 : 1});
}

void AppendSpotifyOddities(Rows& rows) {
  const auto odd = [&rows](const char* id, const std::string& scenario, bool kept) {
    Odd(rows, id, Upstream::kSpotify, scenario, kept);
  };
  for (const char* time :
       {"missing", "null", "empty", "now", "infinity", "month13", "feb30", "no_zone", "second60",
        "y1969", "y2999", "number", "object", "space", "in_two_days"}) {
    odd("U23", absl::StrCat("played_at:", time), false);
  }
  for (const char* time : {"offset", "nine_digits", "whole_second", "tomorrow"}) {
    odd("U23", absl::StrCat("played_at:", time), true);
  }
  for (const char* oddity : {"title_3k", "title_10k", "title_1001", "title_null", "title_number",
                             "title_missing", "title_empty", "title_only_nul", "artist_10k"}) {
    odd("U31", oddity, false);
  }
  for (const char* oddity : {"title_1000", "title_nul", "title_html", "title_bidi", "title_emoji",
                             "url_javascript", "url_metadata", "url_data", "url_number",
                             "url_missing", "image_javascript", "image_metadata"}) {
    odd("U31", oddity, true);
  }
  for (const char* oddity : {"album_images_null",    "album_images_empty",
                             "album_images_missing", "album_images_null_entry",
                             "album_images_unsized", "album_null",
                             "album_missing",        "album_name_empty",
                             "album_name_null",      "artists_empty",
                             "artists_null",         "artists_missing",
                             "artist_name_null",     "artists_13",
                             "external_ids_missing", "external_urls_missing",
                             "duration_negative",    "duration_string",
                             "duration_float",       "duration_huge",
                             "duration_null",        "local_track",
                             "spoken_clip",          "context_missing"}) {
    odd("U45", oddity, true);
  }
  for (const char* oddity : {"track_null", "track_missing", "item_null", "item_string"}) {
    odd("U21", oddity, false);
  }
}

void AppendLastfmOddities(Rows& rows) {
  const auto odd = [&rows](const char* id, const std::string& scenario, bool kept) {
    Odd(rows, id, Upstream::kLastfm, scenario, kept);
  };
  for (const char* uts : {"empty", "zero", "exponent", "huge", "word", "negative", "plus", "blank",
                          "float", "null", "missing", "before_2002", "in_two_days"}) {
    odd("U39", absl::StrCat("uts:", uts), false);
  }
  odd("U39", "uts:number", true);
  for (const char* oddity : {"date_missing", "date_null", "date_string", "date_only_text"}) {
    odd("U39", oddity, false);
  }
  for (const char* image : {"empty", "text_empty", "size_missing", "mega", "null", "missing",
                            "string", "null_entry", "javascript", "metadata"}) {
    odd("U40", absl::StrCat("image:", image), true);
  }
  for (const char* mbid :
       {"empty", "word", "upper", "long", "longer", "number", "null", "missing", "list"}) {
    odd("U43", absl::StrCat("mbid:", mbid), true);
  }
  for (const char* oddity : {"artist_only_text", "artist_only_name", "artist_empty", "artist_null",
                             "artist_missing", "artist_string", "artist_nul"}) {
    odd("U42", oddity, true);
  }
  for (const char* oddity : {"album_empty", "album_null", "album_missing", "album_string",
                             "loved:word", "loved:missing", "loved:null", "streamable:number"}) {
    odd("U45", oddity, true);
  }
  for (const char* oddity : {"title_10k", "title_missing", "artist_10k"}) odd("U31", oddity, false);
  for (const char* oddity : {"url_javascript", "url_metadata"}) odd("U31", oddity, true);
  for (const char* oddity : {"item_null", "item_string"}) odd("U21", oddity, false);
}

}  // namespace

Rows UpstreamFaultRows() {
  Rows rows = {
      {"U01", Upstream::kSpotify, "expired", 400, 0, -1, 1},
      {"U01", Upstream::kSpotify, "permissions", 400, 0, -1, 1},
      {"U02", Upstream::kSpotify, "forbidden", 400, 0, -1, 1},
      {"U02", Upstream::kSpotify, "forbidden_text", 400, 0, -1, 1},
      {"U02", Upstream::kSpotify, "not_found", 503, 0, -1, kTries},
      {"U32", Upstream::kLastfm, "error:29:200", 429, 0, -1, 1},
      {"U32", Upstream::kLastfm, "error:29", 429, 0, -1, 1},
      {"U34", Upstream::kLastfm, "unknown_user", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "private", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "invalid_key", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "suspended_key", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "error:6:200", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "error_text:10", 400, 0, -1, 1},
      {"U34", Upstream::kLastfm, "error:8:500", 503, 0, -1, kTries},
      {"U34", Upstream::kLastfm, "error_once:16", 200, kPage, 0, 2},
      {"U36", Upstream::kLastfm, "recenttracks_missing", 503, 0, -1, kTries},
      {"U36", Upstream::kLastfm, "recenttracks_array", 503, 0, -1, kTries},
      {"U36", Upstream::kLastfm, "track_number", 503, 0, -1, kTries},
      {"U21", Upstream::kSpotify, "items_missing", 503, 0, -1, kTries},
      {"U21", Upstream::kSpotify, "items_null", 503, 0, -1, kTries},
      {"U21", Upstream::kSpotify, "items_object", 503, 0, -1, kTries},
      {"U21", Upstream::kSpotify, "items_string", 503, 0, -1, kTries},
  };
  // None of them is a number of seconds that can be waited for, so the wait is the default one.
  for (const char* value :
       {"negative", "garbage", "date", "zero", "huge", "exponent", "missing", "twice", "empty"}) {
    Both(rows, "U05", absl::StrCat("rate_limit:", value), 429, 0, 1);
  }
  Both(rows, "U07", "status:500", 503, 0, kTries);
  Both(rows, "U07", "fail:2:503", 200, kPage, kTries);
  Both(rows, "U08", "html_502", 503, 0, kTries);
  for (const char* scenario :
       {"html_200", "html_as_json", "empty_200", "json_null", "json_array", "json_string",
        "json_number", "json_object", "json_trailing", "json_duplicate_keys", "json_nan",
        "json_deep", "json_bom", "json_bad_utf8", "cut:half", "cut:1"}) {
    Both(rows, "U10", scenario, 503, 0, kTries);
  }
  for (const char* scenario : {"length_larger", "length_smaller", "chunk_broken", "reset_body"}) {
    Both(rows, "U11", scenario, 503, 0, kTries);
  }
  for (const char* scenario : {"close", "reset"}) {
    Both(rows, "U16", scenario, 503, 0, kTries, 2 * kTries);
  }
  for (const char* scenario : {"garbage", "bad_status_line", "big", "big_chunked", "big_close"}) {
    Both(rows, "U16", scenario, 503, 0, kTries);
  }
  for (const char* code : {"301", "302", "303", "307", "308"}) {
    Both(rows, "U17", absl::StrCat("redirect:", code), 503, 0, kTries);
  }
  Both(rows, "U17", "redirect_file:302", 503, 0, kTries);
  for (const char* scenario : {"gzip", "gzip_corrupt", "gzip_bomb"}) {
    Both(rows, "U19", scenario, 503, 0, kTries);
  }
  return rows;
}

Rows UpstreamPageRows() {
  Rows rows = {
      {"U21", Upstream::kSpotify, "items_mixed", 200, 2, 6},
      {"U25", Upstream::kSpotify, "duplicates", 200, kPage, 0},
      {"U25", Upstream::kLastfm, "duplicates", 200, kPage, 0},
      {"U25", Upstream::kSpotify, "twins", 200, kPage, 0},
      {"U27", Upstream::kSpotify, "oldest_first", 200, kPage, 0},
      {"U27", Upstream::kSpotify, "shuffled", 200, kPage, 0},
      {"U27", Upstream::kLastfm, "shuffled", 200, kPage, 0},
      {"U35", Upstream::kLastfm, "single", 200, 1, 0},
      {"U36", Upstream::kLastfm, "track_absent", 200, 0, 0},
      {"U36", Upstream::kLastfm, "track_text", 200, 0, 0},
      {"U36", Upstream::kLastfm, "track_null", 200, 0, 0},
      {"U36", Upstream::kLastfm, "empty", 200, 0, 0},
      {"U36", Upstream::kSpotify, "empty", 200, 0, 0},
      {"U36", Upstream::kSpotify, "empty_204", 200, 0, 0},
      {"U38", Upstream::kLastfm, "nowplaying", 200, kPage, 0},
      {"U38", Upstream::kLastfm, "nowplaying_false", 200, kPage, 0},
      {"U38", Upstream::kLastfm, "nowplaying_bool", 200, kPage, 0},
      {"U38", Upstream::kLastfm, "nowplaying_only", 200, 0, 0},
      // The page has one more play than was asked for, and what was fetched is stored.
      {"U38", Upstream::kLastfm, "nowplaying_dated", 200, kPage, 0, 1, 1, kPage + 1},
      {"U45", Upstream::kLastfm, "attr_missing", 200, kPage, 0},
      {"U45", Upstream::kLastfm, "attr_numbers", 200, kPage, 0},
      {"U45", Upstream::kLastfm, "old_flat", 200, kPage, 0},
      {"U45", Upstream::kSpotify, "dev_mode", 200, kPage, 0},
      {"U45", Upstream::kSpotify, "simplified", 200, kPage, 0},
  };
  Both(rows, "U12", "chunked", 200, kPage, 1);
  Both(rows, "U16", "interim", 200, kPage, 1);
  AppendSpotifyOddities(rows);
  AppendLastfmOddities(rows);
  return rows;
}

}  // namespace playlog::harness
