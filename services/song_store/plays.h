#ifndef PLAYLOG_SERVICES_SONG_STORE_PLAYS_H_
#define PLAYLOG_SERVICES_SONG_STORE_PLAYS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "playlog/songs/v1/song.pb.h"
#include "playlog/songs/v1/song_store_service.pb.h"

namespace playlog::song_store {

inline constexpr int kPlaysMax = 1000;                      // of a batch
inline constexpr std::size_t kBatchBytesMax = 1024 * 1024;  // of a batch's message
inline constexpr std::size_t kNameCharactersMax = 1000;     // of a title, an artist or an album
inline constexpr std::size_t kAddressCharactersMax = 2048;  // of any other text
inline constexpr std::size_t kDigestBytes = 16;

// A text of a play that may become known later: the store's column, and the play's field.
struct TextField {
  std::string_view name;
  std::size_t characters_max;
  const std::string& (songs::v1::Play::*get)() const;
  std::string* (songs::v1::Play::*mutable_get)();
};
std::span<const TextField> TextFields();

// A valid play with the key under which the store keeps it once: its user, its time in
// microseconds, its digest. Copying the plays themselves took a fifth of what a batch cost this
// service, so they stay where they are.
struct KeyedPlay {
  absl::Time played_at;
  std::string digest;
  const songs::v1::Play* play;  // The request's, or the batch's own.
};

// A valid batch. Its plays are sorted by their key and distinct, which keeps two batches with the
// same plays from waiting for each other in a circle. It does not outlive its request.
struct Batch {
  std::int64_t user_id = 0;
  songs::v1::Source source = songs::v1::SOURCE_UNSPECIFIED;
  std::string origin;
  std::vector<KeyedPlay> plays;
  // What several tellings of one play came to.
  std::vector<std::unique_ptr<songs::v1::Play>> completed;
};

// Checks a request and makes it a batch. INVALID_FIELD names the field of the first invalid play.
absl::StatusOr<Batch> MakeBatch(const songs::v1::UpsertSongsRequest& request);
absl::StatusOr<Batch> MakeBatch(songs::v1::UpsertSongsRequest&& request) = delete;

// Returns what tells two plays of one user at one time apart: the first 16 bytes of SHA-256 over
// the title and the artist, each in NFC, without white space at its ends, and after its length in
// eight bytes. Letters' case counts. The texts are well-formed UTF-8.
std::string Digest(std::string_view title, std::string_view artist);

// Completes a known play with what a newer telling of it says: an empty text or a zero says
// nothing, and title and artist stay as they were first seen. Returns whether a reader sees a
// change.
bool Complete(songs::v1::Play& known, const songs::v1::Play& newer);

// Whether a filter by source is a known source.
bool IsSource(songs::v1::Source source);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_PLAYS_H_
