#ifndef PLAYLOG_COMMON_INGEST_SOURCE_H_
#define PLAYLOG_COMMON_INGEST_SOURCE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/http/client.h"
#include "common/ingest/call_limit.h"
#include "common/ingest/page.h"
#include "playlog/songs/v1/song.pb.h"

namespace playlog::ingest {

// What a user stored for a source.
struct Credential {
  Secret key;
  std::string account;       // The user's name at the source; empty if none was stored.
  std::int64_t version = 0;  // Grows when another key is stored, by the user or by a renewal.
  // What renews the key; empty for one that was pasted in, which nobody can renew.
  Secret refresh_token = Secret();
  Secret previous_refresh_token = Secret();  // The one before it; possibly empty.
  // When the key ends by itself, if that is known.
  absl::Time expires_at = absl::InfiniteFuture();
  // What the vault knows of how the key fares: the source takes it, and when it last did.
  bool known_good = false;
  absl::Time last_success_at = absl::InfinitePast();

  bool IsRenewable() const { return !refresh_token.empty(); }
};

// What the renewal of a key brought.
struct RenewedKey {
  Secret key;
  Secret refresh_token;  // Empty: the one that was used stays good.
  absl::Time expires_at;
};

// Why an upstream gave no page.
struct UpstreamFailure {
  enum class Kind {
    kTransient,    // The next try may succeed.
    kRejected,     // The upstream refuses the credential or the account: only the user can help.
    kKeyEnded,     // The upstream no longer takes the key; a renewed one may do.
    kRateLimited,  // The upstream asks to wait.
    kUnusable,     // No further try will help.
  };
  Kind kind = Kind::kTransient;
  std::string cause;  // For logs and metrics, from a small set: `http_503`, `timeout`.
  // How long the upstream asks to wait, if it says so in a usable way.
  std::optional<absl::Duration> retry_after = {};
  // Whether the upstream has answered, so that the request is surely not under way any more.
  bool answered = true;
};

// What a source's errors say, and how often it may be called. The texts reach clients as they are.
struct SourceProfile {
  songs::v1::Source source;
  const char* name;  // In metrics and in the table of rejected items.
  ErrorCode key_missing_code;
  const char* key_missing_text;
  const char* key_missing_detail;
  const char* failed_text;
  ErrorCode rejected_code;
  const char* rejected_detail;
  ErrorCode unavailable_code;
  // Whether the source tells its whole past: pages beyond the first, of any span, and their total.
  bool tells_past = false;
  // How many calls the upstream takes from one subject (Source::BudgetSubject).
  std::span<const CallLimit> limits = {};
};

// A part of a history. Both ends are in it, and are whole seconds.
struct Span {
  absl::Time from = absl::InfinitePast();
  absl::Time to = absl::InfiniteFuture();
};

// What one try asks for.
struct Question {
  int limit = 0;   // The number of plays of a page.
  int page = 1;    // Which page, counted from the newest plays of the span.
  Span span = {};  // A source that tells its newest plays only knows no other span than all.
  absl::Time deadline = absl::InfiniteFuture();
  std::function<bool()> cancelled = {};  // Whether nobody wants the answer any more. May be empty.
};

// A service that plays come from. An implementation makes one try and judges the answer; the engine
// decides what happens next. Thread-safe.
class Source {
 public:
  virtual ~Source() = default;
  virtual const SourceProfile& profile() const = 0;
  // Whether the credential has what a fetch needs; the error is the client's.
  virtual absl::Status CheckCredential(const Credential& credential) const = 0;
  // What the user can do about a failure of that cause; empty if there is nothing to say beyond the
  // profile's texts.
  virtual std::string_view AdviceOn(std::string_view cause) const;
  // Whom the upstream counts a call with the credential for: a name of at most 64 bytes that holds
  // no secret. Each user alone, unless the source knows better.
  virtual std::string BudgetSubject(std::int64_t user_id, const Credential& credential) const;
  // Asks once. Returns at the deadline at the latest.
  virtual std::variant<Page, UpstreamFailure> FetchPage(const Credential& credential,
                                                        const Question& question) = 0;
  // Asks once for a key in place of one that has ended, with the refresh token that the user's
  // credential has. kRejected: the refresh token is refused. Returns at the deadline at the latest.
  // A source whose keys do not end needs none.
  virtual std::variant<RenewedKey, UpstreamFailure> Renew(const Secret& refresh_token,
                                                          const Question& question);
};

// The subject of a budget that a user has alone.
std::string UserSubject(std::int64_t user_id);

// The wait that an answer asks for: one Retry-After field of whole seconds from 1 to 30 days.
// Nothing for anything else: absent, twice, a date, zero, a sign, a fraction.
std::optional<absl::Duration> ReadRetryAfter(const http::Response& response);

// The failures that look the same at every source: no answer, and an answer that its status alone
// makes one (429 is a rate limit, all else is transient).
UpstreamFailure FailureWithoutAnswer(const absl::Status& status);
UpstreamFailure FailureOfStatus(const http::Response& response);

}  // namespace playlog::ingest

#endif  // PLAYLOG_COMMON_INGEST_SOURCE_H_
