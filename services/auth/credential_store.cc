#include "services/auth/credential_store.h"

#include "common/base/error.h"

namespace playlog::auth {

KeyHealth HealthOf(const StoredKey& key, absl::Time now) {
  const KeyFacts facts{.service_name = key.service_name,
                       .has_service_user_id = key.service_user_id.has_value(),
                       .signed_in_at = key.signed_in_at,
                       .record = key.record};
  return HealthOf(facts, now);
}

RecordContext ContextOf(const StoredKey& key) {
  return {.user_id = key.user_id,
          .service_name = key.service_name,
          .row_id = key.row_id,
          .version = key.version};
}

absl::Status KeyGoneError() {
  return Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such API key",
               "The user has stored no key for this service.");
}

absl::Status KeyReplacedError() {
  return Error(errors::v1::ERROR_CODE_CONFLICT, "The API key has been replaced",
               "Read it again and use what is stored now.");
}

}  // namespace playlog::auth
