#include "common/ingest/wiring.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/status_macros.h"
#include "common/db/migrate.h"
#include "common/db/pool.h"
#include "common/http/curl_client.h"
#include "common/ingest/backfill_runner.h"
#include "common/ingest/backfill_workers.h"
#include "common/ingest/call_limit.h"
#include "common/ingest/coverage_recorder.h"
#include "common/ingest/coverage_service.h"
#include "common/ingest/ingest_service.h"
#include "common/ingest/job_service.h"
#include "common/ingest/postgres_budget_store.h"
#include "common/ingest/postgres_coverage_store.h"
#include "common/ingest/postgres_job_store.h"
#include "common/ingest/postgres_schedule_store.h"
#include "common/ingest/postgres_store.h"
#include "common/ingest/scheduler.h"
#include "common/ingest/song_store_client.h"
#include "common/ingest/sync_flags.h"
#include "common/ingest/sync_run.h"
#include "common/ingest/sync_service.h"
#include "common/ingest/vault_client.h"
#include "common/rpc/dispatcher.h"
#include "common/rpc/process.h"

ABSL_FLAG(std::string, song_store_address, "",
          "Where the song store is: unix:/path or dns:///host:port.");
ABSL_FLAG(std::string, budgets, "",
          "How many calls the source's API takes within any span of some seconds, in place of what "
          "is known of it: calls/seconds, separated by commas.");
ABSL_FLAG(std::string, upstream_crl_file, "",
          "A file with lists of revoked certificates in PEM, one of each authority in the chain of "
          "the source's API; empty for none.");

namespace playlog::ingest {
namespace {

// Nothing if the operator says nothing.
std::optional<std::vector<CallLimit>> ReadLimits(rpc::Process& process) {
  const std::string text = absl::GetFlag(FLAGS_budgets);
  if (text.empty()) return std::nullopt;
  absl::StatusOr<std::vector<CallLimit>> limits = ParseCallLimits(text);
  if (limits.ok()) return *std::move(limits);
  process.Require(
      absl::FailedPreconditionError(absl::StrCat("--budgets ", limits.status().message())));
  return std::nullopt;
}

http::CurlOptions ReadCurlOptions(rpc::Process& process) {
  http::CurlOptions options;
  options.crl_file = absl::GetFlag(FLAGS_upstream_crl_file);
  if (options.crl_file.empty()) return options;
  const absl::Status good = http::CheckCrlFile(options.crl_file);
  if (!good.ok()) {
    process.Require(absl::FailedPreconditionError(
        absl::StrCat("the file of --upstream_crl_file ", good.message())));
  }
  return options;
}

// How long a user's own fetch waits for its coverage to be noted.
constexpr absl::Duration kCoverageTime = absl::Milliseconds(500);

// A supervisor starts the process again if PostgreSQL is away for longer.
constexpr absl::Duration kMigrationTime = absl::Minutes(1);

// Each reads a page while it stores another; a source's limits are far below what four can do.
constexpr int kBackfillWorkers = 4;
constexpr absl::Duration kRecordTimeout = absl::Seconds(1);

// A backfill has brought all plays of its span.
absl::Status RecordWhole(CoverageRecorder& coverage, const Job& job, std::int64_t stored) {
  const absl::Time now = absl::Now();
  const absl::Time from = std::max(job.span.from, kBeginningOfHistory);
  if (from <= job.span.to) {
    PLAYLOG_RETURN_IF_ERROR(coverage.AddCovered(job.user_id, {.from = from, .until = job.span.to},
                                                now + kRecordTimeout));
  }
  // The counts of a part of the history would say nothing about the whole.
  if (job.span.from != absl::InfinitePast()) return absl::OkStatus();
  return coverage.RecordCount(
      job.user_id, {.theirs = job.walk.total.value_or(0), .ours = stored, .counted_at = now},
      now + kRecordTimeout);
}

std::unique_ptr<db::Pool> OpenPool(rpc::Process& process) {
  const Secret database_url = process.ReadSecret("database_url_file");
  process.Require(db::Migrate({.url = database_url,
                               .schema = process.service(),
                               .files = StoreMigrations(),
                               .deadline = absl::Now() + kMigrationTime}));
  return process.Require(db::Pool::Create({.url = database_url, .schema = process.service()}));
}

}  // namespace

// In the order of their making.
struct Wiring::Parts {
  Parts(rpc::Process& process, songs::v1::Source source)
      : limits(ReadLimits(process)),
        http_client(ReadCurlOptions(process)),
        sync(process.Require(ReadSyncFlags())),
        pool(OpenPool(process)),
        store(*pool),
        budgets(*pool),
        schedules(*pool),
        coverage_store(*pool),
        coverage(coverage_store),
        jobs(*pool),
        vault(MakeVaultClient(process.Connect("auth", absl::GetFlag(FLAGS_auth_address)), source)),
        sink(MakeSongStoreClient(
            process.Connect("song_store", absl::GetFlag(FLAGS_song_store_address)), source)),
        key_notes(schedules, *vault, Random(), sync.notes),
        // A burst waits in the queue before any worker has woken up.
        fetch_dispatcher({.workers = 32, .queue = 64}, process.token_verifier()),
        dispatcher({.workers = 8, .queue = 32}, process.token_verifier()) {}

  const std::optional<std::vector<CallLimit>> limits;
  http::CurlClient http_client;
  const SyncFlags sync;
  const std::unique_ptr<db::Pool> pool;
  PostgresStore store;
  PostgresBudgetStore budgets;
  PostgresScheduleStore schedules;
  PostgresCoverageStore coverage_store;
  CoverageRecorder coverage;
  PostgresJobStore jobs;
  const std::unique_ptr<KeyVault> vault;
  const std::unique_ptr<PlaySink> sink;
  KeyNotes key_notes;
  rpc::Dispatcher fetch_dispatcher;
  rpc::Dispatcher dispatcher;
  Source* engine_source = nullptr;  // Once there is an engine.
};

Wiring::Wiring(rpc::Process& process, songs::v1::Source source)
    : process_(process), parts_(std::make_unique<Parts>(process, source)) {}

Wiring::~Wiring() = default;

KeyVault& Wiring::vault() { return *parts_->vault; }
Store& Wiring::store() { return parts_->store; }
KeyNotes& Wiring::key_notes() { return parts_->key_notes; }
http::Client& Wiring::http_client() { return parts_->http_client; }
rpc::Dispatcher& Wiring::fetch_dispatcher() { return parts_->fetch_dispatcher; }
rpc::Dispatcher& Wiring::dispatcher() { return parts_->dispatcher; }

std::unique_ptr<Engine> Wiring::MakeEngine(Source& source) {
  parts_->engine_source = &source;
  EngineOptions options;
  options.limits = parts_->limits;
  options.on_own_fetch = [this](std::int64_t user_id, int limit, const Fetched& fetched) {
    const Look look = LookOf(fetched, limit, fetched.asked_at);
    const absl::Status noted =
        parts_->coverage.RecordLook(user_id, look, absl::Now() + kCoverageTime);
    // A day looks less sure than it is until a later fetch.
    if (!noted.ok())
      Log(Severity::kWarning, "coverage_not_noted", {{"code", NameOf(CodeOf(noted))}});
  };
  return std::make_unique<Engine>(source, *parts_->vault, *parts_->sink, parts_->store,
                                  Clock::System(), Random(), std::move(options), &parts_->budgets);
}

int Wiring::Serve(Engine& engine, std::vector<grpc::Service*> services) {
  const SourceProfile& profile = parts_->engine_source->profile();
  Clock& clock = Clock::System();
  IngestService ingest_service(parts_->store, engine, parts_->key_notes, parts_->dispatcher);
  SyncService sync_service(parts_->schedules, engine, profile, clock, parts_->dispatcher);
  // A source that tells of any part of the past shows more than a window.
  CoverageService coverage_service(parts_->coverage_store, parts_->schedules, profile.source,
                                   !profile.tells_past, clock, parts_->dispatcher);
  BackfillRunner backfill(*parts_->engine_source, engine, *parts_->sink, parts_->jobs, clock,
                          [this](const Job& job, std::int64_t stored) {
                            return RecordWhole(parts_->coverage, job, stored);
                          });
  BackfillWorkers backfill_workers(backfill);
  JobService job_service(
      profile, engine, parts_->jobs, clock, [&] { backfill_workers.Wake(); }, parts_->dispatcher);
  services.insert(services.end(),
                  {&ingest_service, &sync_service, &coverage_service, &job_service});
  SyncRun sync_run({.engine = engine,
                    .profile = profile,
                    .sink = *parts_->sink,
                    .clock = clock,
                    .coverage = &parts_->coverage},
                   SyncRunOptionsFor(profile, parts_->sync.speedup));
  Scheduler scheduler({.store = parts_->schedules,
                       .run = sync_run,
                       .notes = parts_->key_notes,
                       .clock = clock,
                       .source = profile.name,
                       .on_health =
                           [this](bool in_time) {
                             process_.SetServing(v1::SyncService::service_full_name(), in_time);
                           }},
                      parts_->sync.scheduler);
  if (parts_->sync.scheduler.workers > 0) scheduler.Start();
  if (profile.tells_past) backfill_workers.Start(kBackfillWorkers);
  process_.AtStop([&] {
    scheduler.Stop();
    backfill_workers.Stop();
  });
  return process_.Serve(services, {&parts_->dispatcher, &parts_->fetch_dispatcher});
}

}  // namespace playlog::ingest
