#ifndef PLAYLOG_TESTS_BENCH_UPSERT_CLIENT_H_
#define PLAYLOG_TESTS_BENCH_UPSERT_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "playlog/songs/v1/song_store_service.pb.h"

namespace playlog::bench {

using Batches = std::vector<songs::v1::UpsertSongsRequest>;

// Plays of one user in batches of at most 1,000, with the same shape as the Django reference's
// seed: 37 s apart, 3,000 titles, 500 artists, 900 albums.
Batches MakeBatches(std::int64_t user_id, int plays, absl::Time first);

struct Upserted {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t unchanged = 0;
  absl::Duration time;  // From the first call to the last answer.
};

// Sends batches to the song store as the spotify_ingest service does.
class UpsertClient {
 public:
  // `address` as gRPC takes it, `tls_directory` with the identity of spotify_ingest.
  UpsertClient(std::string address, std::string tls_directory);

  // One stream of calls for each element, at the same time, each on a thread of its own and waiting
  // for one answer before the next call. Throws std::runtime_error if a call fails.
  Upserted Send(const std::vector<Batches>& streams) const;

 private:
  const std::string address_;
  const std::string tls_directory_;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_UPSERT_CLIENT_H_
