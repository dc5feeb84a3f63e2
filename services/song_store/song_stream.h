#ifndef PLAYLOG_SERVICES_SONG_STORE_SONG_STREAM_H_
#define PLAYLOG_SERVICES_SONG_STORE_SONG_STREAM_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"
#include "services/song_store/cursor.h"
#include "services/song_store/song_run.h"
#include "services/song_store/store.h"

namespace playlog::song_store {

// A user's songs in parts of about 64 KiB, each the bytes of a GetStoredSongsResponse. The first
// part is small, so that it leaves early. Between parts it holds at most one run of rows and no
// connection, whatever the length of the history.
class SongStream final : public rpc::Stream<grpc::ByteBuffer> {
 public:
  struct Options {
    std::int64_t user_id = 0;
    songs::v1::Source source = songs::v1::SOURCE_UNSPECIFIED;
    std::optional<Position> after = std::nullopt;
    // The size of the page, and then the last part has `next`; every song if nothing.
    std::optional<int> page_size = std::nullopt;
    // For the first part; a later part has a time of its own, since a stream has no total deadline.
    absl::Time first_deadline = absl::InfiniteFuture();
  };
  // `store` and `cursors` outlive the stream.
  SongStream(SongStore& store, const CursorCodec& cursors, const Options& options)
      : store_(store), cursors_(cursors), options_(options), after_(options.after) {}

  absl::StatusOr<bool> Next(grpc::ByteBuffer& part) override;
  bool WasLast() const override { return done_; }
  std::optional<std::int64_t> Revision() const override { return revision_; }

 private:
  // Reads the next run of songs behind those that are there.
  absl::Status ReadMore();
  void FillPart(std::string& part);
  // The songs of the page that no part holds yet; one more than the page tells whether there is
  // more.
  int PageLeft() const { return *options_.page_size - sent_; }

  SongStore& store_;
  const CursorCodec& cursors_;
  const Options options_;
  SongRun run_;
  std::optional<std::int64_t> revision_;  // Of the first run.
  int run_next_ = 0;                      // The first song of the run that no part holds yet.
  std::optional<Position> after_;         // Behind the run.
  std::optional<Position> sent_to_;
  int sent_ = 0;  // Counted for pages only.
  bool begun_ = false;
  bool exhausted_ = false;  // There are no songs behind the run.
  bool done_ = false;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_SONG_STREAM_H_
