#include "tests/bench/system.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/bench/cluster.h"
#include "tests/harness/api.h"
#include "tests/harness/child_process.h"

namespace playlog::bench {

System::System(const harness::StackOptions& options) {
  Cluster();
  stack_ = std::make_unique<harness::Stack>(options);
  upserts_ = std::make_unique<UpsertClient>("unix:" + stack_->SocketOf("song_store"),
                                            stack_->TlsDirectoryOf("spotify_ingest"));
  sql_ = std::make_unique<Sql>(stack_->database().url());
}

System::~System() = default;

Account System::Register(const std::string& name) const {
  Account account;
  account.credentials = absl::StrCat(R"({"username":")", name, R"(","password":"vellum otter )",
                                     name, R"( quarry"})");
  const harness::HttpAnswer answer =
      harness::Api(stack_->http_port()).Post("/users/register/", account.credentials);
  if (answer.status != 201 || !absl::SimpleAtoi(harness::Member(answer.body, "id"), &account.id)) {
    throw std::runtime_error(absl::StrCat("registering: ", answer.status, " ", answer.body));
  }
  return account;
}

std::string System::Token(const Account& account) const {
  const harness::HttpAnswer answer =
      harness::Api(stack_->http_port()).Post("/users/token/", account.credentials);
  if (answer.status != 200) throw std::runtime_error("signing in: " + answer.body);
  return harness::Member(answer.body, "access");
}

void System::Store(const Account& account, int plays, int year) const {
  const absl::Time first = absl::FromCivil(absl::CivilDay(year), absl::UTCTimeZone());
  const Upserted stored = upserts_->Send({MakeBatches(account.id, plays, first)});
  if (stored.inserted != plays) {
    throw std::runtime_error(absl::StrCat("only ", stored.inserted, " songs were stored"));
  }
}

void System::AwaitListing(absl::Duration time_max) {
  const bool listed = harness::Await(
      time_max, [&] { return sql_->Number("SELECT count(*) FROM song_store.listing_queue") == 0; },
      absl::Milliseconds(100));
  if (!listed) throw std::runtime_error("the songs were not listed");
}

void System::CheckHealth() {
  stack_->CheckHealth();
  if (::testing::UnitTest::GetInstance()->Failed()) {
    throw std::runtime_error("a process of ours did not stay well");
  }
}

}  // namespace playlog::bench
