#include "tests/faults/listener.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/time_format.h"

namespace playlog::faults {
namespace {

namespace json = boost::json;

constexpr absl::Duration kSong = absl::Seconds(5);
constexpr absl::Duration kBetweenSongs = absl::Seconds(10);

}  // namespace

Listener::Listener(const standins::ControlClient& standins, songs::v1::Source source,
                   std::int64_t user_id, std::string credential, absl::Time began)
    : standins_(standins),
      source_(source),
      user_id_(user_id),
      credential_(std::move(credential)),
      began_(began) {
  standins_.SetListener(credential_, 0);
}

absl::Time Listener::TenDaysAgo() {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now() - absl::Hours(240)));
}

std::string Listener::TitleOf(std::int64_t number) const {
  return absl::StrCat(credential_, ".", number);
}

absl::Time Listener::EndOf(std::int64_t number) const { return began_ + number * kBetweenSongs; }

// Spotify tells when a play ended, Last.fm when it began, and no durations.
Play Listener::PlayOf(std::int64_t number) const {
  const bool spotify = source_ == songs::v1::SOURCE_SPOTIFY;
  const absl::Time ended_at = EndOf(number);
  return {.user_id = user_id_,
          .title = TitleOf(number),
          .artist = absl::StrCat("Artist ", number % 7),
          .album = absl::StrCat("Album ", number % 11),
          .played_at_us = absl::ToUnixMicros(spotify ? ended_at : ended_at - kSong),
          .duration_ms = spotify ? absl::ToInt64Milliseconds(kSong) : 0};
}

std::vector<std::string> Listener::Listen(int shown) {
  const std::int64_t number = count_++;
  std::vector<std::string> titles;
  standins_.SetListener(credential_, 0);
  for (std::int64_t i = std::max<std::int64_t>(0, count_ - shown); i <= number; ++i) {
    titles.push_back(TitleOf(i));
    Show(i);
  }
  return titles;
}

void Listener::Show(std::int64_t number) {
  const Play play = PlayOf(number);
  {
    const std::lock_guard lock(mutex_);
    truth_.emplace(play.title, play);
  }
  json::object told;
  told["title"] = play.title;
  told["artist"] = play.artist;
  told["album"] = play.album;
  told["duration_ms"] = absl::ToInt64Milliseconds(kSong);
  told["ended_at"] = FormatRfc3339(EndOf(number));
  json::object added;
  added["credential"] = credential_;
  added["plays"] = json::array{std::move(told)};
  standins_.Post("plays", std::move(added));
}

std::map<std::string, Play> Listener::truth() const {
  const std::lock_guard lock(mutex_);
  return truth_;
}

}  // namespace playlog::faults
