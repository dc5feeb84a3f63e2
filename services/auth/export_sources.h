#ifndef PLAYLOG_SERVICES_AUTH_EXPORT_SOURCES_H_
#define PLAYLOG_SERVICES_AUTH_EXPORT_SOURCES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/row_export.h"
#include "common/db/pool.h"
#include "services/auth/erasers.h"
#include "services/auth/export_stream.h"

namespace playlog::auth {

// Gives out what the schema `auth` holds about a user, but for secrets: `account`, `keys`,
// `sign_ins`, `revocations`, `failed_sign_ins` and `audit`. The pool outlives the export.
std::unique_ptr<RowExport> ExportAccount(db::Pool& pool, std::int64_t user_id);

// All that holds something about users: this service, the song store and the ingest services. The
// pool outlives the sources.
std::vector<ExportSource> MakeExportSources(db::Pool& pool, const EraserChannels& channels);

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_EXPORT_SOURCES_H_
