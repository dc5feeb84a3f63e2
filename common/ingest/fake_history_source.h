#ifndef PLAYLOG_COMMON_INGEST_FAKE_HISTORY_SOURCE_H_
#define PLAYLOG_COMMON_INGEST_FAKE_HISTORY_SOURCE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/ingest/fake_profile.h"
#include "common/ingest/page.h"
#include "common/ingest/source.h"

namespace playlog::ingest {

// A source in memory with one history, whoever asks. Either it tells its past, as Last.fm does, or
// it shows its newest 50 plays, as Spotify does.
class FakeHistorySource final : public Source {
 public:
  explicit FakeHistorySource(bool tells_past)
      : profile_(FakeProfile(tells_past ? songs::v1::SOURCE_LASTFM : songs::v1::SOURCE_SPOTIFY)) {
    profile_.tells_past = tells_past;
  }
  const SourceProfile& profile() const override { return profile_; }
  absl::Status CheckCredential(const Credential&) const override { return absl::OkStatus(); }

  std::variant<Page, UpstreamFailure> FetchPage(const Credential& credential,
                                                const Question& question) override {
    std::function<void()> on_ask;
    {
      const absl::MutexLock lock(&mutex_);
      questions_.push_back(question);
      keys_.push_back(std::string(credential.key.Reveal()));
      on_ask = on_ask_;
    }
    if (on_ask) on_ask();
    const absl::MutexLock lock(&mutex_);
    if (failure_.has_value()) return *failure_;
    return PageOf(question);
  }

  // Adds a play that lies at that time, in seconds since 1970.
  void Add(std::int64_t second, const std::string& title = "") {
    const absl::MutexLock lock(&mutex_);
    songs::v1::Play play;
    play.set_title(title.empty() ? absl::StrCat("song ", second) : title);
    SetPlayedAt(absl::FromUnixSeconds(second), play);
    plays_.emplace(-second, std::move(play));
  }
  void Remove(std::int64_t second) {
    const absl::MutexLock lock(&mutex_);
    plays_.erase(-second);
  }
  // What every question is answered with from now on; a page again after nothing.
  void FailWith(std::optional<UpstreamFailure> failure) {
    const absl::MutexLock lock(&mutex_);
    failure_ = std::move(failure);
  }
  // What happens when the source is asked, before it answers.
  void OnAsk(std::function<void()> on_ask) {
    const absl::MutexLock lock(&mutex_);
    on_ask_ = std::move(on_ask);
  }
  std::vector<Question> questions() {
    const absl::MutexLock lock(&mutex_);
    return questions_;
  }
  // The keys that came with the questions.
  std::vector<std::string> keys() {
    const absl::MutexLock lock(&mutex_);
    return keys_;
  }

 private:
  Page PageOf(const Question& question) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<songs::v1::Play> of_span;
    for (const auto& [when, play] : plays_) {
      const absl::Time at = PlayedAtOf(play);
      const bool in_span = at >= question.span.from && at <= question.span.to;
      if (in_span || !profile_.tells_past) of_span.push_back(play);
    }
    Page page;
    if (profile_.tells_past) page.total = std::ssize(of_span);
    const int limit = profile_.tells_past ? question.limit : std::min(question.limit, 50);
    const auto begin =
        static_cast<std::size_t>(question.page - 1) * static_cast<std::size_t>(limit);
    for (std::size_t i = begin; i < of_span.size() && i < begin + static_cast<std::size_t>(limit);
         ++i) {
      page.plays.push_back(of_span[i]);
    }
    return page;
  }

  SourceProfile profile_;
  absl::Mutex mutex_;
  std::multimap<std::int64_t, songs::v1::Play> plays_ ABSL_GUARDED_BY(mutex_);  // Newest first.
  std::optional<UpstreamFailure> failure_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_ask_ ABSL_GUARDED_BY(mutex_);
  std::vector<Question> questions_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_FAKE_HISTORY_SOURCE_H_
