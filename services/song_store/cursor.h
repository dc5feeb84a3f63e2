#ifndef PLAYLOG_SERVICES_SONG_STORE_CURSOR_H_
#define PLAYLOG_SERVICES_SONG_STORE_CURSOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/secret.h"
#include "playlog/songs/v1/song.pb.h"

namespace playlog::song_store {

// A place in a user's songs in reading order (played_at, then id, both descending): just after the
// song with this time, in microseconds since 1970, and this id.
struct Position {
  std::int64_t played_at_us = 0;
  std::int64_t id = 0;
  bool operator==(const Position&) const = default;
};

// Makes and reads the cursors of pages. A cursor is opaque and signed: it is good only for the user
// and the filter that it was made for. Thread-safe.
class CursorCodec {
 public:
  // `key` is the key of the HMAC, at least 31 bytes: a raw key of 32 bytes that ends in a newline
  // loses that byte when its file is read.
  static absl::StatusOr<CursorCodec> Create(Secret key);

  // `filter` is SOURCE_UNSPECIFIED where there is none.
  std::string Encode(std::int64_t user_id, songs::v1::Source filter, Position position) const;

  // Nothing if the cursor was not made by Encode with this key, this user and this filter. The time
  // it takes does not depend on how much of the signature is right.
  std::optional<Position> Decode(std::int64_t user_id, songs::v1::Source filter,
                                 std::string_view cursor) const;

  // The same for a list of another kind: `scope` is all that the cursor is bound to, `place` where
  // it leads.
  std::string EncodePlace(std::string_view scope, std::string_view place) const;
  std::optional<std::string> DecodePlace(std::string_view scope, std::string_view cursor) const;

 private:
  explicit CursorCodec(Secret key) : key_(std::move(key)) {}
  std::string Sign(std::int64_t user_id, songs::v1::Source filter, std::string_view payload) const;
  std::string SignPlace(std::string_view scope, std::string_view place) const;
  std::string SignMessage(std::string_view message) const;

  Secret key_;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_CURSOR_H_
