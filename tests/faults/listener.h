#ifndef PLAYLOG_TESTS_FAULTS_LISTENER_H_
#define PLAYLOG_TESTS_FAULTS_LISTENER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "playlog/songs/v1/song_store_service.pb.h"
#include "tests/faults/checker.h"
#include "tests/standins/control_client.h"

namespace playlog::faults {

// A person at a stand-in whose plays an experiment makes one by one, so that it knows all of them.
// Each is on show for as long as the experiment wants: a play that was not stored when it was shown
// is lost then, and not healed by the next fetch. For one thread at a time, but for truth().
class Listener {
 public:
  // `credential` is the person's token or name at the stand-in, and the beginning of every title.
  // The first play ends at `began`, a whole second, and every other 10 s after the one before.
  Listener(const standins::ControlClient& standins, songs::v1::Source source, std::int64_t user_id,
           std::string credential, absl::Time began = TenDaysAgo());

  songs::v1::Source source() const { return source_; }
  const std::string& credential() const { return credential_; }

  // Listens to one more song, and shows the newest `shown` plays from now on. Returns their titles,
  // oldest first.
  std::vector<std::string> Listen(int shown = 1);

  // Shows one more play beside those that are shown, in any order of their numbers.
  void Show(std::int64_t number);

  // Every play so far, by title, as it has to be stored. Safe from any thread.
  std::map<std::string, Play> truth() const;

  // Far enough in the past for every song of an experiment to have ended.
  static absl::Time TenDaysAgo();

 private:
  std::string TitleOf(std::int64_t number) const;
  absl::Time EndOf(std::int64_t number) const;
  Play PlayOf(std::int64_t number) const;

  const standins::ControlClient& standins_;
  const songs::v1::Source source_;
  const std::int64_t user_id_;
  const std::string credential_;
  const absl::Time began_;
  std::int64_t count_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Play> truth_;
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_LISTENER_H_
