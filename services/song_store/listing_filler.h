#ifndef PLAYLOG_SERVICES_SONG_STORE_LISTING_FILLER_H_
#define PLAYLOG_SERVICES_SONG_STORE_LISTING_FILLER_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/loops.h"
#include "common/db/pool.h"

namespace playlog::song_store {

// What of the plays is not in the listing yet.
struct ListingLag {
  std::int64_t batches = 0;  // Exact up to kLagBatchesMax.
  // Since when the oldest of them waits; the infinite past if there is none.
  absl::Time since = absl::InfinitePast();
};
inline constexpr int kLagBatchesMax = 10'000;

absl::StatusOr<ListingLag> ReadListingLag(db::Pool& pool, absl::Time deadline);

// Takes everything of an erased user out of the listing, `limit` plays at a time.
absl::Status EraseFromListing(db::Pool& pool, std::int64_t user_id, int limit, absl::Time deadline);

// Fills the listing (migrations/0004_listing.sql) with the plays that the queue names, in small
// transactions that take turns with each other and with erasures, in any number of processes. For
// one thread.
class ListingFiller {
 public:
  explicit ListingFiller(db::Pool& pool) : pool_(pool) {}

  // Lists some plays, `run_max` at most, and returns whether there was anything to do. False too if
  // another process is at it. An error is the pool's; then the next step is a smaller one, for it
  // may have been too much work for its time.
  absl::StatusOr<bool> Step(int run_max = kRunMax);

  // Works for as long as the loop lives, and shows how far behind the listing is. While plays come
  // in, which `upserts` tells by counting up, it works a small part of the time, so that it takes
  // little of the machine from them.
  void Work(Loops::Pulse& pulse, const std::function<std::int64_t()>& upserts);

 private:
  static constexpr int kRunMax = 500;
  // While plays come in: a step holds a core for some milliseconds, in which fetches wait for it.
  static constexpr int kRunWhileBusy = 100;
  static constexpr int kRunMin = 10;

  absl::Status FillSome(db::Transaction& transaction, int run, bool& worked);

  db::Pool& pool_;
  int run_ = kRunMax;  // The plays of the next step.
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LISTING_FILLER_H_
