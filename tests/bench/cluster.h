#ifndef PLAYLOG_TESTS_BENCH_CLUSTER_H_
#define PLAYLOG_TESTS_BENCH_CLUSTER_H_

#include <string>

#include "common/testing/postgres.h"

namespace playlog::bench {

// The PostgreSQL of the whole run, private and with the settings of deploy/up: fsync, full page
// writes and synchronous commit on, data checksums on. Started when first asked for. Throws
// std::runtime_error if it runs with other settings.
testing::PostgresCluster& Cluster();

// The folder of its socket.
std::string SocketsOfCluster();

// Why it has no place for ten million songs; empty if it has.
std::string NoRoomForTenMillionSongs();

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_CLUSTER_H_
