#ifndef PLAYLOG_COMMON_RPC_CLIENT_STREAM_H_
#define PLAYLOG_COMMON_RPC_CLIENT_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/call.h"

namespace playlog::rpc {

// Ends a streamed call whose next part does not come in time. NeighbourStream below is the way to
// use it. For one thread at a time.
class StreamWatch {
 public:
  StreamWatch(const Call& call, absl::Duration part_timeout);
  // The call has ended by then.
  ~StreamWatch();
  StreamWatch(const StreamWatch&) = delete;
  StreamWatch& operator=(const StreamWatch&) = delete;

  grpc::ClientContext& context();
  void Cancel();
  // Runs a step that blocks until the next part is there, and returns what it returns. Cancels the
  // call, which ends the step, when the part's time is over or our own caller has gone before.
  bool Run(absl::FunctionRef<bool()> step);
  // What a call that ended with `status` is to our caller.
  absl::Status StatusOf(const grpc::Status& status) const;

 private:
  struct State;

  const Call call_;
  const absl::Duration part_timeout_;
  const std::shared_ptr<State> state_;
};

// The parts of a neighbour's streamed answer, read one at a time: what is not read yet waits at the
// neighbour. Next blocks, so it belongs on a worker. To destroy the stream before its end cancels
// the call.
template <class Part>
class NeighbourStream final : public Stream<Part> {
 public:
  NeighbourStream(std::unique_ptr<StreamWatch> watch,
                  std::unique_ptr<grpc::ClientReader<Part>> reader)
      : watch_(std::move(watch)), reader_(std::move(reader)) {}
  ~NeighbourStream() override {
    if (ended_) return;
    watch_->Cancel();
    reader_->Finish();
  }

  // DEADLINE_EXCEEDED if the part does not come in time, CANCELLED if our own caller has gone, else
  // the neighbour's own errors.
  absl::StatusOr<bool> Next(Part& part) override {
    if (ended_) return false;
    if (watch_->Run([&] { return reader_->Read(&part); })) return true;
    ended_ = true;
    const absl::Status status = watch_->StatusOf(reader_->Finish());
    if (!status.ok()) return status;
    return false;
  }

 private:
  const std::unique_ptr<StreamWatch> watch_;  // First, for it holds what the reader uses.
  const std::unique_ptr<grpc::ClientReader<Part>> reader_;
  bool ended_ = false;
};

// Calls a neighbour that answers with a stream, on behalf of `call`: with its request id and the
// user's token. Each part has `part_timeout`, and none comes after the caller's own deadline. An
// error shows at the first part.
//   const auto songs = rpc::OpenStream(*stub, &SongStoreService::Stub::ExportSongs, call, request,
//                                      absl::Seconds(2));
template <class Stub, class StubBase, class Request, class Part>
std::unique_ptr<Stream<Part>> OpenStream(
    Stub& stub,
    std::unique_ptr<grpc::ClientReader<Part>> (StubBase::*method)(grpc::ClientContext*,
                                                                  const Request&),
    const Call& call, const Request& request, absl::Duration part_timeout) {
  auto watch = std::make_unique<StreamWatch>(call, part_timeout);
  auto reader = (stub.*method)(&watch->context(), request);
  return std::make_unique<NeighbourStream<Part>>(std::move(watch), std::move(reader));
}

}  // namespace playlog::rpc

#endif  // PLAYLOG_COMMON_RPC_CLIENT_STREAM_H_
