#ifndef PLAYLOG_SERVICES_GATEWAY_SCRIPTED_SERVER_H_
#define PLAYLOG_SERVICES_GATEWAY_SCRIPTED_SERVER_H_

// For tests.

#include <grpcpp/channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "common/rpc/client.h"
#include "services/gateway/neighbour_stub.h"

namespace playlog::gateway {

// What the service behind the gateway answers, and what it was asked.
struct Script {
  std::vector<std::string> parts;  // In wire form.
  grpc::Status status;
  bool alternative = false;
  std::optional<std::int64_t> revision = std::nullopt;  // Of what it answers, as it says.
  // It says nothing after the parts, until the call is cancelled.
  bool hangs = false;
  // How many calls it drops unserved, before it does as above: as a server does that is leaving.
  std::atomic<int> drops = 0;
  std::atomic<int> calls = 0;  // How often it was asked.
  std::multimap<std::string, std::string> metadata;
  absl::Notification asked;
  absl::Notification cancelled;
};

class ScriptReactor final : public grpc::ServerGenericBidiReactor {
 public:
  ScriptReactor(grpc::GenericCallbackServerContext& context, Script& script)
      : context_(context),
        script_(script),
        parts_(script.parts),
        status_(script.status),
        is_alternative_(script.alternative),
        is_hanging_(script.hangs),
        is_dropped_(script.drops-- > 0) {
    ++script.calls;
    for (const auto& [key, value] : context.client_metadata()) {
      script.metadata.emplace(std::string(key.data(), key.size()),
                              std::string(value.data(), value.size()));
    }
    if (!script.asked.HasBeenNotified()) script.asked.Notify();
    if (script.revision.has_value()) {
      context.AddInitialMetadata(rpc::kRevisionKey, absl::StrCat(*script.revision));
    }
    StartRead(&request_);
  }
  void OnReadDone(bool) override { Next(); }
  void OnCancel() override {
    const absl::MutexLock lock(&mutex_);
    is_cancelled_ = true;
    if (hangs_) EndHanging();
  }
  void OnWriteDone(bool ok) override { ok ? Next() : Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (is_dropped_) return Finish(grpc::Status::CANCELLED);
    if (sent_ == parts_.size()) {
      if (is_hanging_) return Hang();
      if (is_alternative_) {
        context_.AddTrailingMetadata(rpc::kHttpStatusKey, rpc::kAlternativeStatus);
      }
      Finish(status_);
      return;
    }
    const grpc::Slice slice(parts_[sent_++]);
    part_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&part_);
  }

  void Hang() {
    const absl::MutexLock lock(&mutex_);
    hangs_ = true;
    if (is_cancelled_) EndHanging();
  }
  void EndHanging() {
    script_.cancelled.Notify();
    Finish(grpc::Status::CANCELLED);
  }

  grpc::GenericCallbackServerContext& context_;
  Script& script_;
  // As the script was when the call came: a call that is not read to its end outlives its answer,
  // and the test goes on.
  const std::vector<std::string> parts_;
  const grpc::Status status_;
  const bool is_alternative_;
  const bool is_hanging_;
  const bool is_dropped_;
  absl::Mutex mutex_;
  bool hangs_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer part_;
  std::size_t sent_ = 0;
};

class ScriptService final : public grpc::CallbackGenericService {
 public:
  explicit ScriptService(Script& script) : script_(script) {}
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new ScriptReactor(*context, script_);
  }

 private:
  Script& script_;
};

// A server that answers every RPC by a script, but those of `service`, and the way to it.
class ScriptedServer {
 public:
  explicit ScriptedServer(grpc::Service* service = nullptr) : service_(script_) {
    grpc::ServerBuilder builder;
    if (service != nullptr) builder.RegisterService(service);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    // The end of a call may come after that of its test. It must not be the last to hold a channel:
    // gRPC's thread would wait for itself.
    static auto& kept = *new std::vector<std::shared_ptr<grpc::Channel>>();
    kept.push_back(server_->InProcessChannel({}));
    stub_ = std::make_unique<NeighbourStub>(kept.back());
  }
  ~ScriptedServer() { server_->Shutdown(); }

  Script& script() { return script_; }
  NeighbourStub& stub() { return *stub_; }

 private:
  Script script_;
  ScriptService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<NeighbourStub> stub_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_SCRIPTED_SERVER_H_
