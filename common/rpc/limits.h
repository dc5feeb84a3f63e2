#ifndef PLAYLOG_COMMON_RPC_LIMITS_H_
#define PLAYLOG_COMMON_RPC_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

// The bounds of every gRPC server and client of ours (reliability.md 4.1 and 7.4).
namespace playlog::rpc {

// A batch of plays has at most 1 MiB, and the message around it a little more.
inline constexpr int kMessageBytesMax = (1 << 20) + (64 << 10);
// A token of 8 KiB and the few other metadata.
inline constexpr int kMetadataBytesMax = 16 << 10;
// However long a caller would wait, no handler runs longer: the longest work is a fetch of 30 s.
inline constexpr absl::Duration kUnaryTimeMax = absl::Seconds(35);
// A reader that takes no part of a stream for so long is cut.
inline constexpr absl::Duration kStreamStallMax = absl::Seconds(10);
// Streams that a process serves at once.
inline constexpr int kStreamsMax = 64;
// How long calls in flight may go on after SIGTERM.
inline constexpr absl::Duration kDrainMax = absl::Seconds(10);
// How long a process that leaves holds back the end of a stream, for each part that a reader may
// still have to take, and at most. On a busy machine 100 ms for 18 parts were too short.
inline constexpr absl::Duration kPartTime = absl::Milliseconds(50);
inline constexpr absl::Duration kPartsTimeMax = absl::Seconds(1);

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_LIMITS_H_
