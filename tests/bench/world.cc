#include "tests/bench/world.h"

#include <iostream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace playlog::bench {
namespace {

constexpr int kOthers = 200;
constexpr int kOthersPlays = 10'000;
// Far from the ids that registering gives.
constexpr std::int64_t kFirstOther = 1'000'000;

}  // namespace

World::World(const Options& options) : options_(options) {
  std::cerr << "storing the songs\n";
  Seed();
  std::cerr << "starting the Django reference\n";
  django_ = DjangoReference::Start({.folder = options_.django_folder,
                                    .database = "django_ref",
                                    .directory = stack().directory()},
                                   missing_);
}

World::~World() = default;

void World::Seed() {
  small_ = system_.Register("bench");
  big_ = system_.Register("big");
  system_.Store(small_, kSmallHistory, 2024);
  system_.Store(big_, kBigHistory, 2020);
  const absl::Time year_2024 = absl::FromCivil(absl::CivilDay(2024), absl::UTCTimeZone());
  Batches others;
  for (int i = 0; i < kOthers; ++i) {
    for (auto& batch : MakeBatches(kFirstOther + i, kOthersPlays / kOthers, year_2024)) {
      others.push_back(std::move(batch));
    }
  }
  const Upserted stored = system_.upserts().Send({others});
  if (stored.inserted != kOthersPlays) {
    throw std::runtime_error(absl::StrCat("only ", stored.inserted, " songs were stored"));
  }
  sql().Run("VACUUM ANALYZE song_store.plays");
}

}  // namespace playlog::bench
