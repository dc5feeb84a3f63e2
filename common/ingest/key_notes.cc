#include "common/ingest/key_notes.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(1);

}  // namespace

KeyNotes::KeyNotes(ScheduleStore& store, KeyVault& vault, Random random, KeyNotesOptions options)
    : store_(store),
      vault_(vault),
      random_(random ? std::move(random) : RealRandom()),
      options_(options) {}

void KeyNotes::NoteStored(const rpc::Call& call, const NotedKey& key) {
  const absl::Duration first_run_in = options_.first_run_in + options_.spread * random_();
  // Though the caller's time may be over.
  const absl::Status noted = store_.NoteKey(key, first_run_in, absl::Now() + kStoreTimeout);
  if (noted.ok()) return;
  Log(Severity::kWarning, "key_not_noted",
      {{"request_id", call.request_id}, {"code", NameOf(CodeOf(noted))}});
}

absl::StatusOr<bool> KeyNotes::NoteNextPart(const rpc::Call& call) {
  ListedKeys listed{.after_user_id = after_user_id_};
  PLAYLOG_ASSIGN_OR_RETURN(listed.keys, vault_.List(call, after_user_id_, kListedKeysMax));
  const bool last = listed.keys.size() < std::size_t{kListedKeysMax};
  if (!last) listed.last_user_id = listed.keys.back().user_id;
  const absl::Duration latest = options_.first_run_in + options_.spread +
                                options_.spread_of_each * static_cast<double>(listed.keys.size());
  PLAYLOG_ASSIGN_OR_RETURN(
      const ListedCounts counts,
      store_.NoteListed(listed, options_.first_run_in, latest, absl::Now() + kStoreTimeout));
  if (counts != ListedCounts{}) {
    Log(Severity::kInfo, "keys_noted_from_list",
        {{"request_id", call.request_id}, {"noted", counts.noted}, {"gone", counts.gone}});
  }
  after_user_id_ = last ? 0 : *listed.last_user_id;
  return last;
}

}  // namespace playlog::ingest
