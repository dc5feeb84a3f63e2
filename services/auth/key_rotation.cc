#include "services/auth/key_rotation.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/crypto.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/secret.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace playlog::auth {
namespace {

// How long one call of the store may take.
constexpr absl::Duration kStoreTime = absl::Seconds(5);
constexpr absl::Duration kBetweenCounts = absl::Seconds(30);
constexpr absl::Duration kBetweenCountsWhileSealing = absl::Seconds(2);
// How soon a key that does not open is tried again.
constexpr absl::Duration kBeforeRetry = absl::Minutes(1);
// One stored key may have been tampered with; that none of so many opens has another reason.
constexpr int kSamples = 5;

absl::Time StoreDeadline() { return absl::Now() + kStoreTime; }

Gauge& KekGauge(const std::string& name, const std::string& help, std::uint32_t kek_id) {
  return GetGauge(name, help, {{"kek_id", absl::StrCat(kek_id)}});
}

Gauge& HasKeyGauge(std::uint32_t kek_id) {
  return KekGauge("playlog_key_ring_has_key", "Whether the ring in use has the key.", kek_id);
}

Gauge& SealedKeysGauge(std::uint32_t kek_id) {
  return KekGauge("playlog_sealed_keys", "Stored keys that the key of the ring has sealed.",
                  kek_id);
}

Gauge& RefusedGauge() {
  return GetGauge("playlog_key_ring_refused", "Whether the ring's file is not the ring in use.");
}

// Whether a key of the ring opens any of what it is said to have sealed.
absl::StatusOr<bool> OpensAny(CredentialStore& store, const KeyRing& ring, std::uint32_t kek_id,
                              absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<SealedKey> samples,
                           store.FindKeysOfKek(deadline, kek_id, kSamples));
  const Vault vault(ring);
  return samples.empty() ||
         std::any_of(samples.begin(), samples.end(), [&vault](const SealedKey& sample) {
           return vault.Open(ContextOf(sample.about), sample.blob).ok();
         });
}

}  // namespace

absl::Status CheckKeyRing(CredentialStore& store, const KeyRing& ring, absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> used, store.FindKeksInUse(deadline));
  for (const std::uint32_t id : used) {
    if (ring.Find(id) == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("it lacks the key ", id, ", which stored keys still need"));
    }
    PLAYLOG_ASSIGN_OR_RETURN(const bool opens, OpensAny(store, ring, id, deadline));
    if (!opens) {
      return absl::FailedPreconditionError(
          absl::StrCat("its key ", id, " is not the one that stored keys were sealed with"));
    }
  }
  return absl::OkStatus();
}

KeyRotation::KeyRotation(std::string ring_path, Vault& vault, CredentialStore& store, Clock& clock)
    : ring_path_(std::move(ring_path)), vault_(vault), store_(store), clock_(clock) {}

KeyRotation::~KeyRotation() {
  stop_.Raise();
  if (thread_.joinable()) thread_.join();
}

absl::Status KeyRotation::CheckAtStart(absl::Time deadline) {
  absl::Status status;
  do {
    status = CheckKeyRing(store_, *vault_.ring(), StoreDeadline());
    if (status.ok()) return status;
    if (absl::IsFailedPrecondition(status)) {
      return absl::FailedPreconditionError(absl::StrCat(ring_path_, ": ", status.message()));
    }
    clock_.Sleep(absl::Milliseconds(100));
  } while (absl::Now() < deadline);
  return status;
}

void KeyRotation::Start() {
  thread_ = std::thread([this] {
    do {
      Round();
    } while (!stop_.WaitFor(kBetweenRounds));
  });
}

void KeyRotation::Round() {
  ReadRing();
  ShowRing();
  const absl::StatusOr<std::vector<std::uint32_t>> used = store_.FindKeksInUse(StoreDeadline());
  // Without the database nothing can be done; whoever waits for an answer logs that.
  if (!used.ok()) return;
  if (clock_.Now() >= retry_at_) {
    for (const std::uint32_t id : *used) {
      if (id != vault_.ring()->primary()) ResealAllOf(id);
    }
  }
  if (clock_.Now() - counted_at_ >= kBetweenCounts) ShowCounts();
}

void KeyRotation::ReadRing() {
  read_at_ = clock_.Now();
  const absl::StatusOr<Secret> contents = ReadSecretFile(ring_path_);
  if (!contents.ok()) return Refuse(FromAbsl(contents.status().message()));
  const std::string digest = Sha256(contents->Reveal());
  if (digest == digest_in_use_) {
    refusal_.clear();
    return RefusedGauge().Set(0);
  }
  absl::StatusOr<KeyRing> ring = KeyRing::Parse(*contents);
  if (!ring.ok()) return Refuse(FromAbsl(ring.status().message()));
  const absl::Status usable = CheckKeyRing(store_, *ring, StoreDeadline());
  if (absl::IsFailedPrecondition(usable)) return Refuse(FromAbsl(usable.message()));
  // It could not be found out; the next round tries again.
  if (!usable.ok()) return;
  const std::uint32_t primary = ring->primary();
  const std::size_t keys = ring->ids().size();
  vault_.SetRing(*std::move(ring));
  digest_in_use_ = digest;
  refusal_.clear();
  RefusedGauge().Set(0);
  retry_at_ = absl::InfinitePast();
  Log(Severity::kInfo, "key_ring_read", {{"primary", primary}, {"keys", keys}});
  // The counts come first: whoever sees the new primary key may trust them.
  ShowCounts();
  ShowRing();
}

void KeyRotation::Refuse(std::string_view what) {
  RefusedGauge().Set(1);
  if (what == refusal_) return;
  refusal_ = std::string(what);
  Log(Severity::kError, "key_ring_refused", {{"file", ring_path_}, {"reason", what}});
}

void KeyRotation::ResealAllOf(std::uint32_t kek_id) {
  const auto reseal = [this](const SealedKey& key) -> std::optional<SealedRecord> {
    const RecordContext context = ContextOf(key.about);
    const absl::StatusOr<Secret> payload = vault_.Open(context, key.blob);
    if (!payload.ok()) return std::nullopt;
    absl::StatusOr<SealedRecord> record = vault_.Seal(context, *payload);
    return record.ok() ? std::optional<SealedRecord>(*std::move(record)) : std::nullopt;
  };
  ResealedKeys all;
  while (true) {
    const absl::StatusOr<ResealedKeys> batch =
        store_.ResealKeys(StoreDeadline(), kek_id, all.last_id, kBatch, reseal);
    if (!batch.ok() || batch->seen == 0) break;
    all.seen += batch->seen;
    all.resealed += batch->resealed;
    all.last_id = batch->last_id;
    if (clock_.Now() - counted_at_ >= kBetweenCountsWhileSealing) ShowCounts();
    if (stop_.WaitFor(kPause)) return;
    // Sealing on with a primary key that the file no longer names would undo another process's
    // work.
    if (clock_.Now() - read_at_ >= kBetweenRounds) ReadRing();
    if (vault_.ring()->primary() == kek_id) break;
  }
  if (all.resealed > 0) {
    Log(Severity::kInfo, "keys_resealed", {{"kek_id", kek_id}, {"keys", all.resealed}});
  }
  if (all.seen > all.resealed) {
    Log(Severity::kError, "keys_not_resealed",
        {{"kek_id", kek_id}, {"keys", all.seen - all.resealed}});
    retry_at_ = clock_.Now() + kBeforeRetry;
  }
  ShowCounts();
}

void KeyRotation::ShowRing() {
  const std::shared_ptr<const KeyRing> ring = vault_.ring();
  for (const std::uint32_t id : ring->ids()) shown_.insert(id);
  for (const std::uint32_t id : shown_) HasKeyGauge(id).Set(ring->Find(id) == nullptr ? 0 : 1);
  GetGauge("playlog_key_ring_primary", "The id of the key that seals.").Set(ring->primary());
}

void KeyRotation::ShowCounts() {
  const absl::StatusOr<std::map<std::uint32_t, std::int64_t>> counts =
      store_.CountKeysByKek(StoreDeadline());
  if (!counts.ok()) return;
  counted_at_ = clock_.Now();
  for (const std::uint32_t id : vault_.ring()->ids()) shown_.insert(id);
  for (const auto& [id, count] : *counts) shown_.insert(id);
  for (const std::uint32_t id : shown_) {
    const auto count = counts->find(id);
    SealedKeysGauge(id).Set(count == counts->end() ? 0 : static_cast<double>(count->second));
  }
}

}  // namespace playlog::auth
