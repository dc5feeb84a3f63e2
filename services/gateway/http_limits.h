#ifndef PLAYLOG_SERVICES_GATEWAY_HTTP_LIMITS_H_
#define PLAYLOG_SERVICES_GATEWAY_HTTP_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"

namespace playlog::gateway {

// Every bound of the HTTP server, each with its reason. Tests set smaller ones.
struct HttpLimits {
  // Two are as many as the machine that the targets are given for has; more work is done elsewhere.
  int threads = 2;

  // Connections that the kernel may hold for us while both threads are busy.
  int listen_backlog = 512;
  // At 16 KiB of buffer each, this is 16 MiB; beyond it the server stops accepting.
  std::size_t connections = 1024;
  // A quarter of all connections, so that no single address can take them all.
  std::size_t connections_per_peer = 256;

  // The most that is read ahead. It also bounds a chunk's header and a body's trailers: beyond
  // 64 KiB Beast's parser throws from within the event loop.
  std::size_t read_buffer_bytes = 16 * 1024;
  // Browsers send 1 to 2 KiB; a token takes under 1 KiB.
  std::size_t header_bytes = 8 * 1024;
  std::size_t header_fields = 100;
  // What the header section leaves for it. The longest target that the API has is a cursor, under
  // 1 KiB, but a value of 6 KiB is answered by the one who knows what is wrong with it.
  std::size_t target_bytes = 7 * 1024;
  std::size_t body_bytes = 1024 * 1024;
  // Bodies up to the size of the read buffer are free; what is larger shares this much, so that a
  // hundred large uploads at once take 8 MiB (a growing string takes twice its size) and not 200.
  std::size_t bodies_bytes = 4 * 1024 * 1024;

  // Requests that are being answered, and those that wait for a place. A request that waited longer
  // than the queue age would be answered too late to be worth the work.
  std::size_t requests_in_flight = 64;
  std::size_t requests_queued = 64;
  absl::Duration queue_age = absl::Milliseconds(200);
  // Answers whose reader is slow, and streams of events, wait for the client or for what happens
  // and not for us: they have places of their own.
  std::size_t streams = 128;
  // A handler writes its next part when the last one has gone, so more than this is a handler's
  // bug.
  std::size_t pending_bytes = 8 * 1024 * 1024;

  // From the connection (or a request's first byte) to the end of the header.
  absl::Duration header_time = absl::Seconds(10);
  // A body may take this long and 1 s more for each KB that has arrived.
  absl::Duration body_time = absl::Seconds(10);
  // Between two requests of one connection.
  absl::Duration idle_time = absl::Seconds(30);
  // A reader that takes less than the least rate for this long is cut.
  absl::Duration write_stall_time = absl::Seconds(10);
  std::size_t least_bytes_per_second = 1000;
  // After the last answer of a connection, for the client to read it before the connection is gone.
  absl::Duration linger_time = absl::Seconds(2);
  std::size_t linger_bytes = 16 * 1024 * 1024;
  // After accept has failed for want of descriptors or memory. Trying again at once would take a
  // whole core.
  absl::Duration accept_pause = absl::Milliseconds(100);
  // The kernel's buffer for one connection's answers: what a slow reader can hold there.
  int send_buffer_bytes = 256 * 1024;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_HTTP_LIMITS_H_
