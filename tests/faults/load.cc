#include "tests/faults/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "tests/harness/child_process.h"

namespace playlog::faults {
namespace {

namespace json = boost::json;

using harness::Api;
using harness::HttpAnswer;

std::string Text(const json::value& value) { return std::string(value.as_string()); }

}  // namespace

Outcome OutcomeOf(const HttpAnswer& answer) {
  if (!answer.whole) return Outcome::kUnknown;
  if (answer.status == 200) return Outcome::kOk;
  return answer.status >= 400 && answer.status < 500 ? Outcome::kFailed : Outcome::kUnknown;
}

std::vector<std::string> TitlesOf(const std::string& body) {
  std::vector<std::string> titles;
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  if (error) return titles;
  for (const json::value& song : document.at("data").as_array()) {
    titles.push_back(Text(song.at("title")));
  }
  return titles;
}

std::vector<Play> StoredPlays(const testing::TestDatabase& database,
                              const std::vector<std::int64_t>& users) {
  const std::string rows = database.Execute(
      absl::StrCat("SELECT coalesce(json_agg(json_build_array(user_id, title, artist, album,"
                   " (extract(epoch FROM played_at) * 1000000)::bigint, duration_ms)), '[]')::text"
                   " FROM song_store.plays WHERE user_id IN (",
                   absl::StrJoin(users, ","), ")"));
  std::vector<Play> plays;
  const json::value document = json::parse(rows);
  for (const json::value& row : document.as_array()) {
    plays.push_back({.user_id = row.at(0).to_number<std::int64_t>(),
                     .title = Text(row.at(1)),
                     .artist = Text(row.at(2)),
                     .album = Text(row.at(3)),
                     .played_at_us = row.at(4).to_number<std::int64_t>(),
                     .duration_ms = row.at(5).to_number<std::int64_t>()});
  }
  return plays;
}

FetchLoad::FetchLoad(const harness::Stack& stack, Ledger& ledger, const Options& options)
    : stack_(stack), ledger_(ledger), options_(options) {
  const Api api(stack_.http_port());
  for (int i = 0; i < options_.users; ++i) {
    auto person = std::make_unique<Person>();
    person->user = api.NewUser();
    const std::string spotify = absl::StrCat("s-", person->user.name);
    const std::string lastfm = absl::StrCat("l-", person->user.name);
    person->listeners[0] = std::make_unique<Listener>(stack_.standins(), songs::v1::SOURCE_SPOTIFY,
                                                      person->user.id, spotify);
    person->listeners[1] = std::make_unique<Listener>(stack_.standins(), songs::v1::SOURCE_LASTFM,
                                                      person->user.id, lastfm);
    EXPECT_EQ(api.StoreSpotifyToken(person->user, spotify).status, 201);
    EXPECT_EQ(api.StoreLastfmKey(person->user, "key", lastfm).status, 201);
    persons_.push_back(std::move(person));
  }
}

FetchLoad::~FetchLoad() { Stop(); }

void FetchLoad::Start() {
  if (!stop_.exchange(false)) return;
  for (const auto& person : persons_) {
    person->thread = std::thread([this, &person = *person] { Work(person); });
  }
}

void FetchLoad::Stop() {
  stop_ = true;
  for (const auto& person : persons_) {
    if (person->thread.joinable()) person->thread.join();
  }
}

void FetchLoad::Work(Person& person) {
  absl::Time next = absl::Now();
  for (int source = 0; !stop_; source = 1 - source) {
    FetchOnce(person, source);
    if (options_.reads) ReadOnce(person);
    next = std::max(next + options_.interval, absl::Now());
    absl::SleepFor(next - absl::Now());
  }
}

void FetchLoad::FetchOnce(Person& person, int source) {
  Operation operation;
  operation.asked = person.listeners[source]->Listen();
  const std::string request = harness::RequestText(
      "GET", source == 0 ? "/music/fetch-recently-played/" : "/music/fetch-lastfm-recent/",
      person.user.access);
  ++in_flight_;
  const HttpAnswer answer = Send(request)->Read();
  --in_flight_;
  operation.outcome = OutcomeOf(answer);
  operation.status = answer.status;
  if (operation.outcome == Outcome::kOk) operation.confirmed = TitlesOf(answer.body);
  ledger_.Write(operation);
  Note(answer);
  if (operation.outcome == Outcome::kOk) ++person.good[source];
}

void FetchLoad::ReadOnce(const Person& person) {
  ++in_flight_;
  const HttpAnswer answer =
      Send(harness::RequestText("GET", "/music/get-stored-songs/", person.user.access))->Read();
  --in_flight_;
  Note(answer);
}

std::unique_ptr<harness::HttpConnection> FetchLoad::Send(const std::string& request) {
  const std::shared_lock lock(port_mutex_);
  auto connection =
      std::make_unique<harness::HttpConnection>(port_ == 0 ? stack_.http_port() : port_);
  connection->Send(request);
  return connection;
}

void FetchLoad::SendTo(int port) {
  const std::unique_lock lock(port_mutex_);
  port_ = port;
}

void FetchLoad::Note(const HttpAnswer& answer) {
  const std::lock_guard lock(mutex_);
  ++answers_.statuses[answer.whole ? answer.status : 0];
  const bool says_when = !answer.Header("retry-after").empty();
  if ((answer.status == 429 || answer.status == 503) && !says_when) ++answers_.without_retry_after;
  if (!answer.whole || answer.status != 200) {
    answers_.refusal = absl::StrCat(answer.status, answer.whole ? "" : ", not whole", ", ",
                                    answer.body.size(), " bytes: ", answer.body.substr(0, 1000));
    answers_.refused = answer.Header("x-request-id");
  }
  if (answer.whole) answers_.longest = std::max(answers_.longest, answer.duration);
}

FetchLoad::Answers FetchLoad::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

void FetchLoad::Forget() {
  const std::lock_guard lock(mutex_);
  answers_ = {};
}

bool FetchLoad::AwaitRequest() const {
  return harness::Await(
      absl::Seconds(10), [this] { return in_flight_ > 0; }, absl::Microseconds(100));
}

bool FetchLoad::AwaitGoodAnswers(absl::Duration time) const {
  // The answer that comes next may be to a request from before.
  std::vector<int> wanted;
  for (const auto& person : persons_) {
    for (const std::atomic<int>& good : person->good) wanted.push_back(good + 2);
  }
  return harness::Await(time, [&] {
    std::size_t i = 0;
    for (const auto& person : persons_) {
      for (const std::atomic<int>& good : person->good) {
        if (good < wanted[i++]) return false;
      }
    }
    return true;
  });
}

std::vector<std::int64_t> FetchLoad::users() const {
  std::vector<std::int64_t> users;
  for (const auto& person : persons_) users.push_back(person->user.id);
  return users;
}

std::vector<std::string> FetchLoad::credentials() const {
  std::vector<std::string> credentials;
  for (const auto& person : persons_) {
    for (const auto& listener : person->listeners) credentials.push_back(listener->credential());
  }
  return credentials;
}

std::map<std::string, Play> FetchLoad::truth() const {
  std::map<std::string, Play> truth;
  for (const auto& person : persons_) {
    for (const auto& listener : person->listeners) truth.merge(listener->truth());
  }
  return truth;
}

}  // namespace playlog::faults
