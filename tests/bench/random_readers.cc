// The stored songs of many users who are read in random order, so that there is little to reuse.

#include <algorithm>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/bench/django_reference.h"
#include "tests/bench/http_load.h"
#include "tests/bench/plays.h"
#include "tests/bench/scenarios.h"
#include "tests/bench/statistics.h"
#include "tests/bench/system.h"
#include "tests/bench/users.h"

namespace playlog::bench {
namespace {

constexpr char kScenario[] = "random-readers";
constexpr char kTarget[] = "/music/get-stored-songs/";
constexpr int kReaders = 10'000;
constexpr int kPlaysOfReader = 50;
// So many get their songs by one statement.
constexpr int kReadersAtOnce = 2'000;

// The songs of `bench`, whom the reference's own seed makes.
constexpr char kDjangoSongs[] = R"(
INSERT INTO music_song (user_id, title, artist, album, played_at, album_thumbnail, track_url,
                        artists_url, duration_ms, source, loved, streamable)
SELECT reader.id, title, artist, album, played_at, album_thumbnail, track_url, artists_url,
  duration_ms, source, loved, streamable
FROM auth_user AS reader, music_song AS song
WHERE starts_with(reader.username, 'reader')
  AND song.user_id = (SELECT id FROM auth_user WHERE username = 'bench')
ORDER BY reader.id, played_at)";

void RequireSongs(std::int64_t songs, const char* whose) {
  if (songs != std::int64_t{kReaders} * kPlaysOfReader) {
    throw std::runtime_error(absl::StrCat(whose, " readers have ", songs, " songs"));
  }
}

std::vector<std::string> RequestsOf(const std::vector<std::string>& tokens) {
  std::vector<std::string> requests;
  for (const std::string& token : tokens) requests.push_back(GetRequest(kTarget, token));
  return requests;
}

std::vector<std::string> MakeOurReaders(System& system) {
  const Account first = system.Register("first");
  system.Store(first, kPlaysOfReader, 2024);
  const std::vector<SignedIn> readers = MakeUsers(system.stack(), system.sql(), "reader", kReaders);
  std::int64_t songs = 0;
  for (std::size_t begin = 0; begin < readers.size(); begin += kReadersAtOnce) {
    const std::size_t last = std::min<std::size_t>(begin + kReadersAtOnce, readers.size()) - 1;
    songs += CopyPlays(
        system.sql(), first.id,
        absl::Substitute("SELECT id, interval '0' FROM auth.users WHERE id BETWEEN $0 AND $1",
                         readers[begin].id, readers[last].id));
  }
  RequireSongs(songs, "our");
  system.sql().Run("VACUUM ANALYZE song_store.plays");
  std::vector<std::string> tokens;
  for (const SignedIn& reader : readers) tokens.push_back(reader.access);
  return RequestsOf(tokens);
}

std::vector<std::string> MakeDjangosReaders(DjangoReference& django) {
  const std::vector<std::string> tokens = django.MakeUsers("reader", kReaders);
  django.sql().Run(kDjangoSongs);
  RequireSongs(django.sql().Number("SELECT count(*) FROM music_song AS song JOIN auth_user AS "
                                   "reader ON reader.id = song.user_id "
                                   "WHERE starts_with(reader.username, 'reader')"),
               "Django's");
  django.sql().Run("VACUUM ANALYZE music_song");
  return RequestsOf(tokens);
}

// The readers' answers differ in the digits of the songs' ids alone, so the first tells the size of
// all, give or take a few bytes for each song; a song takes hundreds.
LoadOptions LoadOf(int port, std::vector<std::string> requests) {
  const Drained answer = Drain(port, requests.front());
  if (answer.status != 200) throw std::runtime_error("the stored songs are not to be had");
  constexpr std::size_t kDigits = std::size_t{kPlaysOfReader} * 8;
  return {.port = port,
          .next = Shuffled(std::move(requests)),
          .expected = {.body_bytes_min = answer.body_bytes - kDigits,
                       .body_bytes_max = answer.body_bytes + kDigits}};
}

double Measure(LoadOptions& load, absl::Duration time) {
  load.time = time;
  return AnswersPerSecond(load);
}

}  // namespace

void MeasureRandomReaders(const Options& options, Report& report) {
  std::cerr << kScenario << ": making " << kReaders << " users\n";
  System system;
  LoadOptions ours = LoadOf(system.stack().http_port(), MakeOurReaders(system));
  Row row{.scenario = kScenario,
          .what = "50 songs of one of 10,000 users",
          .unit = "requests/s",
          .against = "Django, gunicorn -w 2",
          .target = Target::AtLeast(10)};
  const std::unique_ptr<DjangoReference> django =
      DjangoReference::Start({.folder = options.django_folder,
                              .database = "django_readers",
                              .directory = system.stack().directory()},
                             row.skipped);
  LoadOptions djangos;
  if (django != nullptr) {
    djangos = LoadOf(django->port(), MakeDjangosReaders(*django));
    Measure(djangos, absl::Seconds(1));
  }
  Measure(ours, absl::Seconds(1));
  for (int pair = 1; pair <= options.pairs; ++pair) {
    std::cerr << kScenario << ": " << pair << " of " << options.pairs << "\n";
    row.ours.push_back(Measure(ours, options.slice));
    if (django != nullptr) row.peers.push_back(Measure(djangos, options.slice));
  }
  row.judged = Ratios(row.ours, row.peers);
  report.Add(row);
  system.CheckHealth();
}

}  // namespace playlog::bench
