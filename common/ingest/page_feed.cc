#include "common/ingest/page_feed.h"

#include <cstddef>
#include <iterator>
#include <utility>

#include "common/base/error.h"
#include "common/ingest/job_trouble.h"

namespace playlog::ingest {
namespace {

// A batch of the song store has at most 1,000 plays, five of the largest pages, and two batches are
// stored at a time.
constexpr std::size_t kPagesAhead = 10;
constexpr std::size_t kPlaysPerTake = kPagesAhead * kLargestPage;

void Append(Page from, Page& to) {
  to.plays.insert(to.plays.end(), std::make_move_iterator(from.plays.begin()),
                  std::make_move_iterator(from.plays.end()));
  to.rejected.insert(to.rejected.end(), std::make_move_iterator(from.rejected.begin()),
                     std::make_move_iterator(from.rejected.end()));
  to.cleared_values += from.cleared_values;
}

}  // namespace

PageFeed::PageFeed(const Walk& walk, int in_flight, Fetch fetch)
    : fetch_(std::move(fetch)),
      in_flight_(static_cast<std::size_t>(in_flight)),
      walker_(walk),
      planned_(walk),
      walk_(walk),
      thread_([this] { Run(); }) {}

PageFeed::~PageFeed() {
  Stop();
  thread_.join();
}

void PageFeed::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopping_ = true;
}

PageFeed::Taken PageFeed::Take(absl::Duration patience) {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(this, &PageFeed::HasSomething), patience);
  Taken taken;
  for (bool first = true; !entries_.empty(); first = false) {
    const std::size_t plays = taken.page.plays.size() + entries_.front().page.plays.size();
    if (!first && plays > kPlaysPerTake) break;
    Append(std::move(entries_.front().page), taken.page);
    walk_ = entries_.front().walk;
    entries_.pop_front();
  }
  taken.over = over_ && entries_.empty();
  // The size of the pages may have changed since the last that came.
  if (taken.over) walk_ = walker_.walk();
  if (taken.over) taken.status = status_;
  taken.walk = walk_;
  return taken;
}

void PageFeed::Run() {
  absl::Status status;
  while (status.ok() && !walker_.AtEnd()) {
    while (flights_.size() < in_flight_ && !planned_.AtEnd() && WaitForRoom()) LaunchNext();
    if (flights_.empty()) break;
    Flight flight = std::move(flights_.front());
    flights_.pop_front();
    status = Land(flight.page.get());
    if (!status.ok() || walker_.AtEnd()) break;
    // A page that is not the next is waited for and dropped.
    if (!flights_.empty() && flights_.front().ask != walker_.Next()) flights_.clear();
    if (flights_.empty()) planned_ = walker_;
  }
  flights_.clear();
  const absl::MutexLock lock(&mutex_);
  status_ = std::move(status);
  over_ = true;
}

void PageFeed::LaunchNext() {
  const Ask ask = planned_.Next();
  flights_.push_back({ask, std::async(std::launch::async, [this, ask] { return fetch_(ask); })});
  if (planned_.AsksForTotal()) {
    // What comes after it, nobody knows yet.
    planned_ = Walker({.total = 0});
  } else {
    planned_.OnAnswer(*planned_.walk().total);
  }
}

absl::Status PageFeed::Land(absl::StatusOr<Page> page) {
  const bool for_total = walker_.AsksForTotal();
  if (page.ok() && page->total.value_or(kTotalMax + 1) > kTotalMax) {
    page = Error(errors::v1::ERROR_CODE_UNAVAILABLE, "The source does not say how much there is",
                 "Try again later");
  }
  if (!page.ok()) {
    const bool smaller = MayBeTooLarge(page.status()) && !for_total && walker_.Shrink();
    return smaller ? absl::OkStatus() : page.status();
  }
  walker_.OnAnswer(*page->total);
  if (for_total) *page = Page();
  const absl::MutexLock lock(&mutex_);
  entries_.push_back({.page = *std::move(page), .walk = walker_.walk()});
  return absl::OkStatus();
}

bool PageFeed::WaitForRoom() {
  const absl::MutexLock lock(&mutex_);
  const auto has_room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || entries_.size() < kPagesAhead;
  };
  mutex_.Await(absl::Condition(&has_room));
  return !stopping_;
}

}  // namespace playlog::ingest
