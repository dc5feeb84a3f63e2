#include "services/gateway/http_exchange_state.h"

#include <utility>

namespace playlog::gateway {
namespace {

class Exchange final : public HttpExchange {
 public:
  explicit Exchange(std::shared_ptr<ExchangeState> state) : state_(std::move(state)) {}
  ~Exchange() override { state_->Abandon(); }

  void Send(HttpResponse response) override { state_->Send(std::move(response)); }
  void Begin(int status, HttpHeaders headers) override {
    state_->Begin(status, std::move(headers));
  }
  void Write(std::string part, std::function<void(bool)> done) override {
    state_->Write(std::move(part), std::move(done));
  }
  void End() override { state_->End(); }
  void Abort() override { state_->Abort(); }
  void OnCancelled(std::function<void()> cancelled) override {
    state_->OnCancelled(std::move(cancelled));
  }

 private:
  const std::shared_ptr<ExchangeState> state_;
};

}  // namespace

ExchangeState::ExchangeState(std::function<void()> wake, std::size_t max_pending_bytes)
    : max_pending_bytes_(max_pending_bytes), wake_(std::move(wake)) {}

void ExchangeState::WakeLocked() {
  if (awake_ || phase_ == Phase::kClosed) return;
  awake_ = true;
  wake_();
}

void ExchangeState::Send(HttpResponse response) {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kNew) return;
  phase_ = Phase::kEnded;
  output_.head = std::move(response);
  output_.begins = output_.whole = output_.ended = true;
  WakeLocked();
}

void ExchangeState::Begin(int status, HttpHeaders headers) {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kNew) return;
  phase_ = Phase::kBegun;
  output_.head.status = status;
  output_.head.headers = std::move(headers);
  output_.begins = true;
  WakeLocked();
}

void ExchangeState::Write(std::string part, std::function<void(bool)> done) {
  bool taken = false;
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kBegun && part.empty()) {
      taken = true;  // Nothing to hand to the socket, and so nothing that it would report.
    } else if (phase_ == Phase::kBegun) {
      if (output_.data.size() + part.size() <= max_pending_bytes_) {
        if (output_.data.empty()) {
          output_.data = std::move(part);
        } else {
          output_.data += part;
        }
        waiting_.push_back(std::move(done));
        WakeLocked();
        return;
      }
      // The handler doesn't wait for the socket: memory would grow as far as the client is slow.
      phase_ = Phase::kEnded;
      output_.aborted = true;
      WakeLocked();
    }
  }
  done(taken);
}

void ExchangeState::End() {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kBegun) return;
  phase_ = Phase::kEnded;
  output_.ended = true;
  WakeLocked();
}

void ExchangeState::Abort() { Abandon(); }

void ExchangeState::Abandon() {
  absl::MutexLock lock(&mutex_);
  if (phase_ != Phase::kNew && phase_ != Phase::kBegun) return;
  phase_ = Phase::kEnded;
  output_.aborted = true;
  WakeLocked();
}

void ExchangeState::OnCancelled(std::function<void()> cancelled) {
  {
    absl::MutexLock lock(&mutex_);
    if (!cancelled_) {
      if (phase_ != Phase::kClosed) on_cancelled_ = std::move(cancelled);
      return;
    }
  }
  cancelled();
}

ExchangeState::Output ExchangeState::Take() {
  absl::MutexLock lock(&mutex_);
  awake_ = false;
  for (auto& done : waiting_) in_socket_.push_back(std::move(done));
  waiting_.clear();
  return std::exchange(output_, Output());
}

void ExchangeState::Taken() {
  std::vector<std::function<void(bool)>> done;
  {
    absl::MutexLock lock(&mutex_);
    done.swap(in_socket_);
  }
  for (const auto& one : done) one(true);
}

void ExchangeState::Cancel() {
  std::function<void()> cancelled;
  {
    absl::MutexLock lock(&mutex_);
    if (cancelled_ || phase_ == Phase::kClosed) return;
    cancelled_ = true;
    cancelled = std::exchange(on_cancelled_, nullptr);
  }
  if (cancelled) cancelled();
}

void ExchangeState::Close(bool complete) {
  if (!complete) Cancel();
  // Destroyed and called after the lock is free: what a callback holds may be the last exchange.
  std::function<void()> wake;
  std::function<void()> cancelled;
  std::vector<std::function<void(bool)>> unwritten;
  {
    absl::MutexLock lock(&mutex_);
    phase_ = Phase::kClosed;
    wake = std::exchange(wake_, nullptr);
    cancelled = std::exchange(on_cancelled_, nullptr);
    unwritten.swap(in_socket_);
    for (auto& done : waiting_) unwritten.push_back(std::move(done));
    waiting_.clear();
    output_ = Output();
  }
  for (const auto& done : unwritten) done(false);
}

std::shared_ptr<HttpExchange> MakeExchange(std::shared_ptr<ExchangeState> state) {
  return std::make_shared<Exchange>(std::move(state));
}

}  // namespace playlog::gateway
