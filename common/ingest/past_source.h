#ifndef PLAYLOG_COMMON_INGEST_PAST_SOURCE_H_
#define PLAYLOG_COMMON_INGEST_PAST_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/ingest/fake_profile.h"
#include "common/ingest/source.h"

namespace playlog::ingest {

// A source that tells its past. What happens between two questions is the test's to say.
class PastSource final : public Source {
 public:
  static constexpr std::int64_t kFirstSecond = 1'600'000'000;

  struct Scrobble {
    std::int64_t second;
    std::string title;  // Empty: it can become no play.
  };
  // Told the number of the question, from 1, and the question; a failure in place of the page.
  using Hook = std::function<std::optional<UpstreamFailure>(int number, const Question&)>;

  PastSource() { profile_.tells_past = true; }
  const SourceProfile& profile() const override { return profile_; }
  absl::Status CheckCredential(const Credential&) const override { return absl::OkStatus(); }
  std::string_view AdviceOn(std::string_view cause) const override {
    return cause == "error_17" ? "Show it" : "";
  }
  std::variant<Page, UpstreamFailure> FetchPage(const Credential&,
                                                const Question& question) override {
    const absl::MutexLock lock(&mutex_);
    questions_.push_back(question);
    if (hook_) {
      const auto failure = hook_(static_cast<int>(questions_.size()), question);
      if (failure.has_value()) return *failure;
    }
    return PageOf(question);
  }

  // These are called before the work begins, or by the hook.
  void OnAsk(Hook hook) { hook_ = std::move(hook); }
  void Add(std::int64_t second, std::string title) {
    const auto newer = std::find_if(scrobbles_.begin(), scrobbles_.end(),
                                    [&](const Scrobble& known) { return known.second > second; });
    scrobbles_.insert(newer, {.second = second, .title = std::move(title)});
  }
  // One every five minutes from kFirstSecond on.
  void AddMany(int count) {
    for (int i = 0; i < count; ++i) {
      scrobbles_.push_back({.second = kFirstSecond + 300 * i, .title = absl::StrCat("song ", i)});
    }
  }
  void Remove(std::size_t index) {
    scrobbles_.erase(scrobbles_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  std::vector<Question> questions() {
    const absl::MutexLock lock(&mutex_);
    return questions_;
  }

 private:
  Page PageOf(const Question& question) const {
    std::vector<const Scrobble*> newest_first;
    for (auto known = scrobbles_.rbegin(); known != scrobbles_.rend(); ++known) {
      const absl::Time at = absl::FromUnixSeconds(known->second);
      if (at >= question.span.from && at <= question.span.to) newest_first.push_back(&*known);
    }
    Page page;
    page.total = std::ssize(newest_first);
    const auto begin =
        static_cast<std::size_t>(question.page - 1) * static_cast<std::size_t>(question.limit);
    const std::size_t end = begin + static_cast<std::size_t>(question.limit);
    for (std::size_t i = begin; i < std::min(end, newest_first.size()); ++i) {
      if (newest_first[i]->title.empty()) {
        page.rejected.push_back({.reason = kTitleMissing, .raw = absl::StrCat("{", i, "}")});
        continue;
      }
      songs::v1::Play play;
      play.set_title(newest_first[i]->title);
      SetPlayedAt(absl::FromUnixSeconds(newest_first[i]->second), play);
      page.plays.push_back(std::move(play));
    }
    return page;
  }

  SourceProfile profile_ = FakeProfile(songs::v1::SOURCE_LASTFM);
  absl::Mutex mutex_;
  std::vector<Question> questions_;
  std::vector<Scrobble> scrobbles_;  // Oldest first.
  Hook hook_;
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_PAST_SOURCE_H_
