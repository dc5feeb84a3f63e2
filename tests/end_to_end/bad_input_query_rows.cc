// The corpus's layer QUERY.

#include "absl/strings/str_cat.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

constexpr char kSongs[] = "/music/get-stored-songs/";
constexpr char kLastfm[] = "/music/fetch-lastfm-recent/";

BadRequest Get(std::string id, const char* path, std::string query, std::string code,
               std::string mentions = "") {
  return {.id = std::move(id),
          .what = query.substr(0, 60),
          .bytes = WithToken("GET", absl::StrCat(path, "?", query)),
          .status = code.empty() ? 200 : 400,
          .code = std::move(code),
          .mentions = std::move(mentions)};
}

// More parameters than anybody has, in as few characters as they take.
std::string ManyParameters(int count) {
  std::string query;
  for (int i = 0; i < count; ++i) query += "a=&";
  query.pop_back();
  return query;
}

}  // namespace

std::vector<BadRequest> QueryRows() {
  std::vector<BadRequest> rows;
  for (const char* limit : {"0", "-1", "201", "2147483648", "99999999999999999999", "", "5x", "+5",
                            "1e2", "5.0", "%205", "null"}) {
    rows.push_back(
        Get("Q03", kLastfm, absl::StrCat("limit=", limit), "INVALID_PARAMETER", "limit"));
  }
  rows.push_back(Get("Q09", kLastfm, "limit=5&limit=6", "INVALID_PARAMETER", "limit"));
  rows.push_back(Get("Q10", kLastfm, "Limit=5", "UNKNOWN_PARAMETER", "Limit"));
  rows.push_back(Get("Q10", kLastfm, "limt=5", "UNKNOWN_PARAMETER", "limt"));
  for (const char* source : {"spotify", "lastfm"}) {
    rows.push_back(Get("Q11", kSongs, absl::StrCat("source=", source), ""));
  }
  for (const char* source : {"", "Spotify", "all", "spotify,lastfm", "spotify'", "SPOTIFY%20"}) {
    rows.push_back(
        Get("Q12", kSongs, absl::StrCat("source=", source), "INVALID_PARAMETER", "source"));
  }
  // U+0000 is refused in any target, whatever its place.
  rows.push_back(Get("Q12", kSongs, "source=spotify%00", "BAD_REQUEST"));
  rows.push_back(Get("Q13", kSongs, "source=spotify&source=lastfm", "INVALID_PARAMETER", "source"));
  rows.push_back(Get("Q13", kSongs, "source[]=spotify", "BAD_REQUEST"));
  rows.push_back(Get("Q13", kSongs, "source%5B%5D=spotify", "UNKNOWN_PARAMETER", "source[]"));
  for (const char* cursor : {"", "garbage", "AAAA", "%F0%9F%8E%B5"}) {
    rows.push_back(
        Get("Q14", kSongs, absl::StrCat("cursor=", cursor), "INVALID_PARAMETER", "cursor"));
  }
  for (const char* query : {"%ff=1", "a=%zz", "a=%"}) {
    rows.push_back(Get("Q15", kSongs, query, "BAD_REQUEST"));
  }
  for (const char* query : {"&", "&&", "="})
    rows.push_back(Get("Q16", kSongs, query, "BAD_REQUEST"));
  rows.push_back(Get("Q17", kSongs, ManyParameters(1001), "UNKNOWN_PARAMETER", "a"));
  rows.push_back(
      Get("Q17", kSongs, "source=" + std::string(6 * 1024, 's'), "INVALID_PARAMETER", "source"));
  rows.push_back(Get("Q18", kLastfm, "limit=5;source=spotify", "INVALID_PARAMETER", "limit"));
  return rows;
}

}  // namespace playlog::harness
