#ifndef PLAYLOG_COMMON_INGEST_VAULT_CLIENT_H_
#define PLAYLOG_COMMON_INGEST_VAULT_CLIENT_H_

#include <memory>

#include "common/ingest/neighbours.h"

namespace grpc {
class ChannelInterface;
}

namespace playlog::ingest {

// Makes the KeyVault that asks the auth service for the keys of one source. A call takes at most
// 2 s, a report half a second.
std::unique_ptr<KeyVault> MakeVaultClient(const std::shared_ptr<grpc::ChannelInterface>& auth,
                                          songs::v1::Source source);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_VAULT_CLIENT_H_
