#include "services/song_store/plays.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/crypto.h"
#include "common/base/error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace playlog::song_store {
namespace {

using songs::v1::Play;

constexpr std::size_t kOriginMax = 32;
constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z

constexpr TextField kTextFields[] = {
    {"album", kNameCharactersMax, &Play::album, &Play::mutable_album},
    {"album_thumbnail", kAddressCharactersMax, &Play::album_thumbnail,
     &Play::mutable_album_thumbnail},
    {"track_url", kAddressCharactersMax, &Play::track_url, &Play::mutable_track_url},
    {"artists_url", kAddressCharactersMax, &Play::artists_url, &Play::mutable_artists_url},
    {"artist_lastfm_url", kAddressCharactersMax, &Play::artist_lastfm_url,
     &Play::mutable_artist_lastfm_url},
    {"track_mbid", kAddressCharactersMax, &Play::track_mbid, &Play::mutable_track_mbid},
    {"artist_mbid", kAddressCharactersMax, &Play::artist_mbid, &Play::mutable_artist_mbid},
    {"album_mbid", kAddressCharactersMax, &Play::album_mbid, &Play::mutable_album_mbid},
    {"album_thumbnail_small", kAddressCharactersMax, &Play::album_thumbnail_small,
     &Play::mutable_album_thumbnail_small},
    {"album_thumbnail_medium", kAddressCharactersMax, &Play::album_thumbnail_medium,
     &Play::mutable_album_thumbnail_medium},
    {"album_thumbnail_large", kAddressCharactersMax, &Play::album_thumbnail_large,
     &Play::mutable_album_thumbnail_large},
    {"album_thumbnail_extralarge", kAddressCharactersMax, &Play::album_thumbnail_extralarge,
     &Play::mutable_album_thumbnail_extralarge},
};

bool IsOrigin(std::string_view origin) {
  if (origin.empty() || origin.size() > kOriginMax) return false;
  return std::all_of(origin.begin(), origin.end(), [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
           character == '_';
  });
}

std::string PlayField(int index, std::string_view name) {
  return absl::StrCat("plays[", index, "].", ToAbsl(name));
}

absl::Status CheckText(int index, std::string_view name, std::string_view text, std::size_t min,
                       std::size_t max) {
  // A text has at least as many bytes as characters, so most need no counting.
  const bool fits = text.size() >= min && (text.size() <= max || CountCodePoints(text) <= max);
  if (fits && text.find('\0') == std::string_view::npos && IsValidUtf8(text)) {
    return absl::OkStatus();
  }
  return InvalidField(PlayField(index, name), absl::StrCat("UTF-8 text of ", min, " to ", max,
                                                           " characters without U+0000"));
}

absl::Status CheckPlay(int index, const Play& play) {
  PLAYLOG_RETURN_IF_ERROR(CheckText(index, "title", play.title(), 1, kNameCharactersMax));
  PLAYLOG_RETURN_IF_ERROR(CheckText(index, "artist", play.artist(), 0, kNameCharactersMax));
  for (const TextField& field : kTextFields) {
    PLAYLOG_RETURN_IF_ERROR(
        CheckText(index, field.name, (play.*field.get)(), 0, field.characters_max));
  }
  const auto& time = play.played_at();
  if (!play.has_played_at() || time.seconds() < kFirstSecond || time.seconds() > kLastSecond ||
      time.nanos() < 0 || time.nanos() >= 1'000'000'000) {
    return InvalidField(PlayField(index, "played_at"), "a time of the years 1 to 9999");
  }
  if (play.duration_ms() < 0) {
    return InvalidField(PlayField(index, "duration_ms"), "an integer of at least 0");
  }
  return absl::OkStatus();
}

absl::Time PlayedAt(const Play& play) {
  return absl::FromUnixMicros(play.played_at().seconds() * 1'000'000 +
                              play.played_at().nanos() / 1'000);
}

void AppendWithLength(std::string& bytes, std::string_view text) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(text.size()) >> shift));
  }
  bytes.append(text);
}

// Makes one of the plays of a sorted batch that are the same.
void KeepDistinct(Batch& batch) {
  std::size_t distinct = 0;
  Play* own = nullptr;  // The last distinct play, once it is the batch's own.
  for (std::size_t i = 0; i < batch.plays.size(); ++i) {
    KeyedPlay& next = batch.plays[i];
    KeyedPlay* const last = distinct > 0 ? &batch.plays[distinct - 1] : nullptr;
    if (last == nullptr || last->played_at != next.played_at || last->digest != next.digest) {
      if (distinct != i) batch.plays[distinct] = std::move(next);
      ++distinct;
      own = nullptr;
      continue;
    }
    if (own == nullptr) {
      own = batch.completed.emplace_back(std::make_unique<Play>(*last->play)).get();
      last->play = own;
    }
    Complete(*own, *next.play);
  }
  batch.plays.erase(batch.plays.begin() + static_cast<std::ptrdiff_t>(distinct), batch.plays.end());
}

bool CompleteFlag(bool has_newer, bool newer, bool known, void (Play::*set)(bool), Play& play) {
  if (!has_newer || newer == known) return false;
  (play.*set)(newer);
  return true;
}

}  // namespace

std::span<const TextField> TextFields() { return kTextFields; }

bool IsSource(songs::v1::Source source) {
  return source == songs::v1::SOURCE_SPOTIFY || source == songs::v1::SOURCE_LASTFM;
}

std::string Digest(std::string_view title, std::string_view artist) {
  std::string bytes;
  bytes.reserve(2 * sizeof(std::uint64_t) + title.size() + artist.size());
  for (const std::string_view text : {title, artist}) {
    // NFC leaves ASCII alone, which most texts are.
    if (IsAscii(text)) {
      AppendWithLength(bytes, TrimWhitespace(text));
    } else {
      AppendWithLength(bytes, TrimWhitespace(NormalizeNfc(text).value_or(std::string(text))));
    }
  }
  std::string digest = Sha256(bytes);
  digest.resize(kDigestBytes);
  return digest;
}

bool Complete(Play& known, const Play& newer) {
  bool changed = false;
  for (const TextField& field : kTextFields) {
    const std::string& text = (newer.*field.get)();
    if (text.empty() || text == (known.*field.get)()) continue;
    *(known.*field.mutable_get)() = text;
    changed = true;
  }
  if (newer.duration_ms() != 0 && newer.duration_ms() != known.duration_ms()) {
    known.set_duration_ms(newer.duration_ms());
    changed = true;
  }
  changed |= CompleteFlag(newer.has_loved(), newer.loved(), known.loved(), &Play::set_loved, known);
  changed |= CompleteFlag(newer.has_streamable(), newer.streamable(), known.streamable(),
                          &Play::set_streamable, known);
  return changed;
}

absl::StatusOr<Batch> MakeBatch(const songs::v1::UpsertSongsRequest& request) {
  if (request.user_id() <= 0) return InvalidField("user_id", "an integer greater than 0");
  if (!IsSource(request.source())) return InvalidField("source", "spotify or lastfm");
  if (!IsOrigin(request.origin())) {
    return InvalidField("origin", "1 to 32 lower-case letters, digits and _");
  }
  if (request.plays_size() > kPlaysMax || request.ByteSizeLong() > kBatchBytesMax) {
    return InvalidField("plays", "at most 1000 plays and 1 MiB");
  }
  Batch batch{request.user_id(), request.source(), request.origin(), {}, {}};
  batch.plays.reserve(static_cast<std::size_t>(request.plays_size()));
  for (int i = 0; i < request.plays_size(); ++i) {
    const Play& play = request.plays(i);
    PLAYLOG_RETURN_IF_ERROR(CheckPlay(i, play));
    batch.plays.push_back({PlayedAt(play), Digest(play.title(), play.artist()), &play});
  }
  // Stable, so that of two tellings of one play the later one completes the earlier.
  std::stable_sort(batch.plays.begin(), batch.plays.end(),
                   [](const KeyedPlay& a, const KeyedPlay& b) {
                     return std::tie(a.played_at, a.digest) < std::tie(b.played_at, b.digest);
                   });
  KeepDistinct(batch);
  return batch;
}

}  // namespace playlog::song_store
