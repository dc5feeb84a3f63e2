#include "tests/faults/nemesis.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "absl/strings/numbers.h"

namespace playlog::faults {
namespace {

constexpr char kBackend[] = "backend";
constexpr char kPostmaster[] = "postmaster";

}  // namespace

const std::vector<std::string>& Nemesis::Victims() {
  static const auto& victims = *new std::vector<std::string>([] {
    std::vector<std::string> all = harness::Stack::Services();
    all.insert(all.end(), {kBackend, kPostmaster});
    return all;
  }());
  return victims;
}

std::string Nemesis::Draw() { return Victims()[random_() % Victims().size()]; }

void Nemesis::Kill(const std::string& victim) {
  if (victim == kPostmaster) return cluster_.Kill();
  if (victim != kBackend) {
    EXPECT_EQ(stack_.End(victim, SIGKILL), -SIGKILL);
    return;
  }
  // The busiest of the store's sessions, or any.
  int pid = 0;
  const std::string found = stack_.database().Execute(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
      " AND pid <> pg_backend_pid() ORDER BY usename LIKE '%song_store' DESC, state = 'active' DESC"
      " LIMIT 1");
  ASSERT_TRUE(absl::SimpleAtoi(found, &pid)) << "no session to kill";
  kill(pid, SIGKILL);
}

void Nemesis::BringBack(const std::string& victim) {
  if (victim == kPostmaster) return cluster_.Start();
  if (victim != kBackend) stack_.Restart(victim);
}

}  // namespace playlog::faults
