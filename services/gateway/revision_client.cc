#include "services/gateway/revision_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/deadline.h"
#include "playlog/revisions/v1/revision_service.pb.h"

namespace playlog::gateway {
namespace {

constexpr char kMethod[] = "/playlog.revisions.v1.RevisionService/GetRevisions";
constexpr std::size_t kBatchMax = 64;
// Two, so that the next question is on its way while one is answered; with more, each call has
// fewer questions and the same work.
constexpr int kCallsMax = 2;
// One look at an index; after it the request is answered without a revision.
constexpr absl::Duration kTimeout = absl::Milliseconds(500);

}  // namespace

struct RevisionClient::Batch {
  explicit Batch(NeighbourStub& given_stub) : stub(given_stub) {}
  NeighbourStub& stub;
  std::vector<Done> done;
  grpc::ClientContext context;
  revisions::v1::GetRevisionsRequest request;
  grpc::ByteBuffer request_bytes;
  grpc::ByteBuffer response_bytes;
};

RevisionClient::~RevisionClient() {
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
  const absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&idle));
}

void RevisionClient::Ask(NeighbourStub& stub, const std::string& token, Done done) {
  std::unique_ptr<Batch> batch;
  {
    const absl::MutexLock lock(&mutex_);
    lines_[&stub].waiting.push_back({token, std::move(done)});
    batch = NextBatch(stub);
  }
  if (batch != nullptr) Call(std::move(batch));
}

std::unique_ptr<RevisionClient::Batch> RevisionClient::NextBatch(NeighbourStub& stub) {
  Line& line = lines_[&stub];
  if (line.waiting.empty() || line.calls >= kCallsMax) return nullptr;
  ++line.calls;
  ++calls_;
  auto batch = std::make_unique<Batch>(stub);
  while (!line.waiting.empty() && batch->done.size() < kBatchMax) {
    batch->request.add_tokens(std::move(line.waiting.front().token));
    batch->done.push_back(std::move(line.waiting.front().done));
    line.waiting.pop_front();
  }
  return batch;
}

void RevisionClient::Call(std::unique_ptr<Batch> batch) {
  Batch& call = *batch;
  const grpc::Slice bytes(call.request.SerializeAsString());
  call.request_bytes = grpc::ByteBuffer(&bytes, 1);
  call.context.set_deadline(rpc::ToGrpcDeadline(absl::Now() + kTimeout));
  call.stub.CallUnary(&call.context, kMethod, &call.request_bytes, &call.response_bytes,
                      [this, owned = batch.release()](const grpc::Status& status) {
                        OnAnswer(std::unique_ptr<Batch>(owned), status.ok());
                      });
}

void RevisionClient::OnAnswer(std::unique_ptr<Batch> batch, bool ok) {
  std::unique_ptr<Batch> next;
  {
    const absl::MutexLock lock(&mutex_);
    --lines_[&batch->stub].calls;
    next = NextBatch(batch->stub);
  }
  // Before what the answers bring about, so that the neighbour does not wait for it.
  if (next != nullptr) Call(std::move(next));
  grpc::Slice bytes;
  revisions::v1::GetRevisionsResponse response;
  ok = ok && batch->response_bytes.DumpToSingleSlice(&bytes).ok() &&
       response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())) &&
       static_cast<std::size_t>(response.revisions_size()) == batch->done.size();
  for (std::size_t i = 0; i < batch->done.size(); ++i) {
    const std::int64_t revision = ok ? response.revisions(static_cast<int>(i)) : -1;
    batch->done[i](revision < 0 ? std::nullopt : std::optional(revision));
  }
  batch.reset();
  // Last: the destructor waits for it.
  const absl::MutexLock lock(&mutex_);
  --calls_;
}

}  // namespace playlog::gateway
