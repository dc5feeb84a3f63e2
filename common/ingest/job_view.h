#ifndef PLAYLOG_COMMON_INGEST_JOB_VIEW_H_
#define PLAYLOG_COMMON_INGEST_JOB_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/ingest/job_store.h"
#include "common/ingest/source.h"
#include "playlog/ingest/v1/job_service.pb.h"

// How a job looks from outside.
namespace playlog::ingest {

// The id of a job: `lastfm-17`; and its number back, nothing if it is no id of the source's jobs.
std::string JobIdOf(const SourceProfile& profile, std::int64_t number);
std::optional<std::int64_t> JobNumberOf(const SourceProfile& profile, std::string_view job_id);

v1::JobState StateOf(const Job& job);
v1::Job ViewOf(const SourceProfile& profile, const Job& job);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_JOB_VIEW_H_
