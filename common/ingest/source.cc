#include "common/ingest/source.h"

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::ingest {
namespace {

constexpr std::int64_t kMaxRetryAfterSeconds = 30 * 24 * 60 * 60;

}  // namespace

std::string_view Source::AdviceOn(std::string_view) const { return {}; }

std::variant<RenewedKey, UpstreamFailure> Source::Renew(const Secret&, const Question&) {
  return UpstreamFailure{.kind = UpstreamFailure::Kind::kUnusable, .cause = "not_renewable"};
}

std::string Source::BudgetSubject(std::int64_t user_id, const Credential&) const {
  return UserSubject(user_id);
}

std::string UserSubject(std::int64_t user_id) { return absl::StrCat("user ", user_id); }

std::optional<absl::Duration> ReadRetryAfter(const http::Response& response) {
  const std::vector<std::string_view> values = response.HeaderValues("retry-after");
  if (values.size() != 1 || values[0].empty() || values[0].size() > 9) return std::nullopt;
  if (values[0].find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t seconds = 0;
  if (!absl::SimpleAtoi(ToAbsl(values[0]), &seconds)) return std::nullopt;
  if (seconds < 1 || seconds > kMaxRetryAfterSeconds) return std::nullopt;
  return absl::Seconds(seconds);
}

UpstreamFailure FailureWithoutAnswer(const absl::Status& status) {
  const http::Failure failure = http::FailureOf(status);
  return {.kind = failure == http::Failure::kRefused ? UpstreamFailure::Kind::kUnusable
                                                     : UpstreamFailure::Kind::kTransient,
          .cause = std::string(http::NameOf(failure)),
          .answered = false};
}

UpstreamFailure FailureOfStatus(const http::Response& response) {
  const std::string cause = absl::StrCat("http_", response.status);
  if (response.status == 429) {
    return {.kind = UpstreamFailure::Kind::kRateLimited,
            .cause = cause,
            .retry_after = ReadRetryAfter(response)};
  }
  return {.kind = UpstreamFailure::Kind::kTransient, .cause = cause};
}

}  // namespace playlog::ingest
