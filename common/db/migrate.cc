#include "common/db/migrate.h"

#include <openssl/evp.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/db/connection_string.h"

namespace playlog::db {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);
constexpr std::size_t kNumberDigits = 4;

struct Migration {
  int number;
  std::string name;
  std::string_view sql;
  std::string checksum;
};

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

absl::StatusOr<std::vector<Migration>> ReadFiles(std::span<const EmbeddedFile> files) {
  std::vector<Migration> migrations;
  for (const EmbeddedFile& file : files) {
    int number = 0;
    if (file.name.size() <= kNumberDigits + 1 || file.name[kNumberDigits] != '_' ||
        !absl::EndsWith(ToAbsl(file.name), ".sql") ||
        !absl::SimpleAtoi(ToAbsl(file.name.substr(0, kNumberDigits)), &number) ||
        file.contents.find('\0') != std::string_view::npos) {
      return absl::FailedPreconditionError(
          absl::StrCat("migration ", ToAbsl(file.name), " is not named NNNN_what_it_does.sql"));
    }
    migrations.push_back({number, std::string(file.name), file.contents, Sha256Hex(file.contents)});
  }
  std::sort(migrations.begin(), migrations.end(),
            [](const Migration& a, const Migration& b) { return a.number < b.number; });
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (migrations[i].number != static_cast<int>(i) + 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("migration ", migrations[i].name, " leaves a gap or repeats a number"));
    }
  }
  return migrations;
}

bool GivesUp(const MigrateOptions& options) {
  sigset_t pending;
  sigpending(&pending);
  return absl::Now() >= options.deadline || sigismember(&pending, SIGTERM) == 1 ||
         sigismember(&pending, SIGINT) == 1;
}

class Migrator {
 public:
  Migrator(const MigrateOptions& options, pqxx::connection& connection)
      : options_(options), schema_(options.schema), connection_(connection) {}

  absl::Status Run(const std::vector<Migration>& migrations) {
    PLAYLOG_RETURN_IF_ERROR(CheckSettings());
    PLAYLOG_RETURN_IF_ERROR(Lock());
    CreateSchema();
    PLAYLOG_ASSIGN_OR_RETURN(const std::size_t applied, CheckApplied(migrations));
    for (std::size_t i = applied; i < migrations.size(); ++i) {
      PLAYLOG_RETURN_IF_ERROR(Apply(migrations[i]));
    }
    return absl::OkStatus();
  }

 private:
  std::string Show(const std::string& setting) {
    pqxx::nontransaction query(connection_);
    return query.exec1("SHOW " + setting)[0].c_str();
  }

  absl::Status CheckSettings() {
    const std::pair<const char*, std::vector<std::string>> wanted[] = {
        {"fsync", {"on"}},
        {"full_page_writes", {"on"}},
        {"synchronous_commit", {"on", "remote_apply"}},
        {"server_encoding", {"UTF8"}}};
    for (const auto& [setting, values] : wanted) {
      const std::string value = Show(setting);
      if (std::find(values.begin(), values.end(), value) == values.end()) {
        return absl::FailedPreconditionError(absl::StrCat("PostgreSQL's ", setting, " is '", value,
                                                          "' and must be '", values.front(), "'"));
      }
    }
    return absl::OkStatus();
  }

  // Keeps other processes from migrating the same schema until the connection closes.
  absl::Status Lock() {
    while (true) {
      {
        pqxx::nontransaction query(connection_);
        const pqxx::row row = query.exec_params1(
            "SELECT pg_try_advisory_lock(hashtextextended('playlog.migrate.' || $1, 0))", schema_);
        if (row[0].as<bool>()) return absl::OkStatus();
      }
      if (GivesUp(options_)) {
        return Error(errors::v1::ERROR_CODE_UNAVAILABLE,
                     "another process is still migrating the database");
      }
      absl::SleepFor(kPause);
    }
  }

  void CreateSchema() {
    pqxx::work work(connection_);
    // Asked first, because IF NOT EXISTS wants the right to create schemas even if there is one.
    if (work.exec_params("SELECT FROM pg_namespace WHERE nspname = $1", schema_).empty()) {
      work.exec("CREATE SCHEMA " + schema_);
    }
    if (work.exec_params("SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'migrations'",
                         schema_)
            .empty()) {
      work.exec(
          "CREATE TABLE " + schema_ +
          ".migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
          " applied_at timestamptz NOT NULL DEFAULT now())");
    }
    work.commit();
  }

  // Returns how many of the files have been applied.
  absl::StatusOr<std::size_t> CheckApplied(const std::vector<Migration>& migrations) {
    pqxx::nontransaction query(connection_);
    const pqxx::result rows =
        query.exec("SELECT number, name, checksum FROM " + schema_ + ".migrations ORDER BY number");
    std::size_t applied = 0;
    for (const pqxx::row& row : rows) {
      if (applied == migrations.size()) break;
      const Migration& migration = migrations[applied];
      if (row[0].as<int>() != migration.number || migration.checksum != row[2].c_str()) {
        return absl::FailedPreconditionError(absl::StrCat("migration ", migration.name,
                                                          " is not what was applied to schema ",
                                                          schema_, " as ", row[1].c_str()));
      }
      ++applied;
    }
    return applied;
  }

  absl::Status Apply(const Migration& migration) {
    try {
      pqxx::work work(connection_);
      work.exec(std::string(migration.sql));
      work.exec_params(
          "INSERT INTO " + schema_ + ".migrations (number, name, checksum) VALUES ($1, $2, $3)",
          migration.number, migration.name, migration.checksum);
      work.commit();
    } catch (const pqxx::sql_error& error) {
      return absl::FailedPreconditionError(
          absl::StrCat("migration ", migration.name, " failed: ", error.what()));
    }
    Log(Severity::kInfo, "migration_applied", {{"schema", schema_}, {"migration", migration.name}});
    return absl::OkStatus();
  }

  const MigrateOptions& options_;
  const std::string schema_;
  pqxx::connection& connection_;
};

}  // namespace

absl::Status Migrate(const MigrateOptions& options) {
  PLAYLOG_ASSIGN_OR_RETURN(const std::vector<Migration> migrations, ReadFiles(options.files));
  // A migration may take its time; it must not wait long for a lock while readers queue behind it.
  PLAYLOG_ASSIGN_OR_RETURN(
      const std::string connection_string,
      ConnectionString(options.url.Reveal(), {.schema = options.schema,
                                              .statement_timeout = absl::ZeroDuration(),
                                              .lock_timeout = absl::Milliseconds(900)}));
  for (bool told = false;; told = true) {
    std::string error;
    try {
      pqxx::connection connection(connection_string);
      const pqxx::quiet_errorhandler quiet(connection);
      return Migrator(options, connection).Run(migrations);
    } catch (const pqxx::broken_connection& exception) {
      error = exception.what();
    } catch (const std::exception& exception) {
      return absl::FailedPreconditionError(absl::StrCat("cannot migrate: ", exception.what()));
    }
    if (!told) Log(Severity::kWarning, "waiting_for_database", {{"error", error}});
    if (GivesUp(options)) {
      return Error(errors::v1::ERROR_CODE_UNAVAILABLE,
                   absl::StrCat("PostgreSQL cannot be reached: ", error));
    }
    absl::SleepFor(kPause);
  }
}

}  // namespace playlog::db
