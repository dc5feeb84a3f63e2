#include "common/ingest/postgres_store.h"

#include <openssl/sha.h>

#include <array>
#include <map>
#include <string>

#include "common/base/status_macros.h"
#include "ingest_migrations.h"

namespace playlog::ingest {
namespace {

constexpr std::size_t kDigestBytes = 16;
// A statement carries at most about 1 MiB of raw text.
constexpr std::size_t kItemsPerStatement = (1 << 20) / kMaxRawBytes;

constexpr db::Statement kInsertRejected{"insert_rejected_items", R"sql(
  INSERT INTO rejected_items (user_id, digest, source, reason, raw, rejected_at)
  SELECT $1::bigint, item.digest, $2::text, item.reason, item.raw, $3::timestamptz
  FROM unnest($4::bytea[], $5::text[], $6::text[]) AS item (digest, reason, raw)
  ON CONFLICT (user_id, digest)
  DO UPDATE SET reason = EXCLUDED.reason, rejected_at = EXCLUDED.rejected_at
)sql"};

constexpr db::Statement kTrimRejected{"trim_rejected_items", R"sql(
  DELETE FROM rejected_items
  WHERE user_id = $1::bigint AND digest IN (
    SELECT digest FROM rejected_items WHERE user_id = $1::bigint
    ORDER BY rejected_at DESC, digest OFFSET $2::bigint)
)sql"};

constexpr db::Statement kNoteRateLimit{"note_rate_limit", R"sql(
  INSERT INTO rate_limits AS known (user_id, key_version, limited_until)
  VALUES ($1::bigint, $2::bigint, $3::timestamptz)
  ON CONFLICT (user_id) DO UPDATE SET
    key_version = EXCLUDED.key_version,
    limited_until = CASE WHEN known.key_version = EXCLUDED.key_version
                         THEN greatest(known.limited_until, EXCLUDED.limited_until)
                         ELSE EXCLUDED.limited_until END
)sql"};

constexpr db::Statement kFindRateLimit{"find_rate_limit", R"sql(
  SELECT limited_until FROM rate_limits
  WHERE user_id = $1::bigint AND key_version = $2::bigint
)sql"};

constexpr db::Statement kEraseRejected{"erase_rejected_items", R"sql(
  DELETE FROM rejected_items WHERE user_id = $1::bigint
)sql"};

constexpr db::Statement kEraseRateLimits{"erase_rate_limits", R"sql(
  DELETE FROM rate_limits WHERE user_id = $1::bigint
)sql"};

std::string DigestOf(std::string_view source, std::string_view raw) {
  std::string text(source);
  text.push_back('\0');
  text.append(raw);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return {digest.begin(), digest.begin() + kDigestBytes};
}

}  // namespace

std::span<const EmbeddedFile> StoreMigrations() { return IngestMigrations(); }

absl::Status PostgresStore::RecordRejected(std::int64_t user_id, std::string_view source,
                                           std::span<const RejectedItem> items, absl::Time at,
                                           absl::Time deadline) {
  if (items.empty()) return absl::OkStatus();
  // Each once, and sorted, so that two batches never wait for each other in a circle.
  std::map<std::string, const RejectedItem*> distinct;
  for (const RejectedItem& item : items) distinct[DigestOf(source, item.raw)] = &item;
  return pool_.Run(deadline, db::Effect::kIdempotent, [&](db::Transaction& transaction) {
    for (auto next = distinct.begin(); next != distinct.end();) {
      db::Array digests;
      db::Array reasons;
      db::Array raws;
      for (; next != distinct.end() && digests.size() < kItemsPerStatement; ++next) {
        digests.Add(db::Bytes{next->first});
        reasons.Add(next->second->reason);
        raws.Add(next->second->raw);
      }
      PLAYLOG_RETURN_IF_ERROR(transaction
                                  .Query(kInsertRejected, user_id, source, at, std::move(digests),
                                         std::move(reasons), std::move(raws))
                                  .status());
    }
    return transaction.Query(kTrimRejected, user_id, kMaxRejectedItemsPerUser).status();
  });
}

absl::Status PostgresStore::NoteRateLimit(std::int64_t user_id, std::int64_t key_version,
                                          absl::Time until, absl::Time deadline) {
  return pool_.Query(deadline, db::Effect::kIdempotent, kNoteRateLimit, user_id, key_version, until)
      .status();
}

absl::StatusOr<absl::Time> PostgresStore::RateLimitedUntil(std::int64_t user_id,
                                                           std::int64_t key_version,
                                                           absl::Time deadline) {
  PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, pool_.Query(deadline, db::Effect::kIdempotent,
                                                            kFindRateLimit, user_id, key_version));
  return rows.empty() ? absl::InfinitePast() : rows[0].Time(0);
}

absl::StatusOr<std::int64_t> PostgresStore::EraseUser(std::int64_t user_id, absl::Time deadline) {
  std::size_t erased = 0;
  PLAYLOG_RETURN_IF_ERROR(
      pool_.Run(deadline, db::Effect::kIdempotent, [&](db::Transaction& transaction) {
        erased = 0;
        for (const db::Statement* statement : {&kEraseRejected, &kEraseRateLimits}) {
          PLAYLOG_ASSIGN_OR_RETURN(const db::Rows rows, transaction.Query(*statement, user_id));
          erased += rows.affected();
        }
        return absl::OkStatus();
      }));
  return static_cast<std::int64_t>(erased);
}

}  // namespace playlog::ingest
