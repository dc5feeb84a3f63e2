#ifndef PLAYLOG_SERVICES_GATEWAY_RECORDING_EXCHANGE_H_
#define PLAYLOG_SERVICES_GATEWAY_RECORDING_EXCHANGE_H_

// For tests.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/gateway/http_exchange.h"

namespace playlog::gateway {

// Keeps what the gateway would send. Each part stays in the socket until the test takes it.
class RecordingExchange final : public HttpExchange {
 public:
  void Send(HttpResponse response) override {
    Set([&] { sent_ = std::move(response); }, true);
  }
  void Begin(int status, HttpHeaders headers) override {
    Set([&] { sent_ = {status, std::move(headers), ""}; }, false);
  }
  void Write(std::string part, std::function<void(bool)> done) override {
    Set(
        [&] {
          EXPECT_EQ(done_, nullptr) << "a part came before the last one was taken";
          parts_.push_back(std::move(part));
          done_ = std::move(done);
        },
        false);
  }
  void End() override {
    Set([] {}, true);
  }
  void Abort() override {
    Set([this] { aborted_ = true; }, true);
  }
  void OnCancelled(std::function<void()> cancelled) override { cancelled_ = std::move(cancelled); }

  // The client leaves.
  void Cancel() { cancelled_(); }

  // Waits for the next part and takes it; false if the answer has ended.
  bool TakeOne() {
    std::function<void(bool)> done;
    {
      const auto changed = [this] { return ended_ || done_ != nullptr; };
      const absl::MutexLock lock(&mutex_);
      if (!mutex_.AwaitWithTimeout(absl::Condition(&changed), absl::Seconds(20))) {
        ADD_FAILURE() << "the answer does not end";
        return false;
      }
      if (ended_) return false;
      done = std::exchange(done_, nullptr);
    }
    done(true);
    return true;
  }

  // Takes parts until the answer has ended.
  void TakeAll() {
    while (TakeOne()) {
    }
  }
  const HttpResponse& sent() const { return sent_; }
  const std::vector<std::string>& parts() const { return parts_; }
  bool aborted() const { return aborted_; }

 private:
  template <class Change>
  void Set(Change change, bool ends) {
    const absl::MutexLock lock(&mutex_);
    EXPECT_FALSE(ended_);
    change();
    ended_ = ended_ || ends;
  }

  absl::Mutex mutex_;
  bool ended_ = false;
  bool aborted_ = false;
  HttpResponse sent_;
  std::vector<std::string> parts_;
  std::function<void(bool)> done_;
  std::function<void()> cancelled_;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_RECORDING_EXCHANGE_H_
