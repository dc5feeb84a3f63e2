#ifndef PLAYLOG_COMMON_HTTP_FAKE_CLIENT_H_
#define PLAYLOG_COMMON_HTTP_FAKE_CLIENT_H_

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/http/client.h"

namespace playlog::http {

// A Client without a network. Answers are given out in order; the last one is repeated for ever.
class FakeClient final : public Client {
 public:
  using Answer = std::function<absl::StatusOr<Response>(const Request&)>;

  explicit FakeClient(Clock& clock) : clock_(clock) {}

  void Add(absl::StatusOr<Response> response) {
    Add([response = std::move(response)](const Request&) { return response; });
  }
  void Add(int status, std::string body, std::vector<Header> headers = {}) {
    Add(Response{.status = status, .headers = std::move(headers), .body = std::move(body)});
  }
  void Add(Answer answer) {
    const absl::MutexLock lock(&mutex_);
    answers_.push_back(std::move(answer));
  }

  absl::StatusOr<Response> Get(const Request& request) override { return Send(request); }
  absl::StatusOr<Response> Post(const Request& request) override { return Send(request); }

  std::vector<Request> requests() const {
    const absl::MutexLock lock(&mutex_);
    return requests_;
  }

 private:
  absl::StatusOr<Response> Send(const Request& request) {
    PLAYLOG_RETURN_IF_ERROR(CheckRequest(request, clock_.Now()));
    Answer answer;
    {
      const absl::MutexLock lock(&mutex_);
      requests_.push_back(request);
      if (answers_.empty()) return FailureStatus(Failure::kUnreachable, "no answer was set");
      answer = answers_.front();
      if (answers_.size() > 1) answers_.pop_front();
    }
    absl::StatusOr<Response> response = answer(request);
    if (response.ok()) PLAYLOG_RETURN_IF_ERROR(CheckResponse(request, *response));
    return response;
  }

  Clock& clock_;
  mutable absl::Mutex mutex_;
  std::deque<Answer> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace playlog::http

#endif  // PLAYLOG_COMMON_HTTP_FAKE_CLIENT_H_
