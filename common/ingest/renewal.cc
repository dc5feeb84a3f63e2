#include "common/ingest/renewal.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/cleanup/cleanup.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "common/base/crash_point.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"

namespace playlog::ingest {
namespace {

constexpr absl::Duration kBetweenSaves = absl::Milliseconds(200);

// A name that no other claim has, in any process.
std::string NewHolder() {
  thread_local absl::BitGen generator;
  const auto half = [] { return absl::Hex(generator(), absl::kZeroPad16); };
  return absl::StrCat(half(), half());
}

// Whether the same call may succeed a moment later.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

// What is to be stored after a renewal with `used`, which is one of the old refresh tokens.
Tokens TokensAfter(const Credential& old, const Secret& used, RenewedKey renewed) {
  Tokens tokens{.key = std::move(renewed.key),
                .refresh_token = renewed.refresh_token,
                .previous_refresh_token = used,
                .expires_at = renewed.expires_at};
  if (renewed.refresh_token.empty() || renewed.refresh_token.Reveal() == used.Reveal()) {
    tokens.refresh_token = used;
    const bool newest = used.Reveal() == old.refresh_token.Reveal();
    tokens.previous_refresh_token = newest ? old.previous_refresh_token : Secret();
  }
  return tokens;
}

}  // namespace

Renewer::Renewer(const Tools& tools, RenewalOptions options) : tools_(tools), options_(options) {}

absl::StatusOr<Credential> Renewer::Renew(const rpc::Call& call, std::int64_t user_id,
                                          const Credential& ended, absl::Time deadline) {
  const std::string holder = NewHolder();
  PLAYLOG_RETURN_IF_ERROR(Claim(call, user_id, holder, deadline));
  const absl::Cleanup release = [&] {
    // Not bound to the caller's time: those who wait would else wait for the whole claim.
    rpc::Call releasing = call;
    releasing.deadline = absl::InfiniteFuture();
    const absl::Status released =
        tools_.store.ReleaseRenewal(user_id, holder, StoreDeadlineOf(releasing, tools_.clock));
    if (released.ok()) return;
    Log(Severity::kWarning, "renewal_not_released",
        {{"request_id", call.request_id}, {"error", std::string(released.message())}});
  };
  return RenewClaimed(call, user_id, ended, deadline);
}

absl::Status Renewer::Claim(const rpc::Call& call, std::int64_t user_id, const std::string& holder,
                            absl::Time deadline) {
  for (;;) {
    if (call.IsCancelled()) return absl::CancelledError("nobody waits for the renewal any more");
    PLAYLOG_ASSIGN_OR_RETURN(const bool claimed,
                             tools_.store.ClaimRenewal(user_id, holder, options_.claim,
                                                       StoreDeadlineOf(call, tools_.clock)));
    if (claimed) return absl::OkStatus();
    const absl::Duration pause = options_.look_again * (0.5 + tools_.random());
    if (tools_.clock.Now() + pause >= deadline) return TooLateError(tools_.source.profile());
    tools_.clock.Sleep(pause);
  }
}

absl::StatusOr<Credential> Renewer::RenewClaimed(const rpc::Call& call, std::int64_t user_id,
                                                 const Credential& ended, absl::Time deadline) {
  const absl::Time claimed_at = tools_.clock.Now();
  // Whoever had the claim before may have renewed the key, and a user may have replaced it.
  PLAYLOG_ASSIGN_OR_RETURN(const Credential old, Open(call, user_id));
  if (old.version != ended.version) return old;
  const absl::Time ask_until = std::min(deadline, claimed_at + options_.ask);
  const Secret* used = &old.refresh_token;
  PLAYLOG_ASSIGN_OR_RETURN(std::optional<RenewedKey> renewed, Ask(call, user_id, *used, ask_until));
  if (!renewed.has_value() && !old.previous_refresh_token.empty()) {
    // The newest may have been lost on its way to whoever gives them out.
    used = &old.previous_refresh_token;
    PLAYLOG_ASSIGN_OR_RETURN(renewed, Ask(call, user_id, *used, ask_until));
  }
  if (!renewed.has_value()) {
    ReportUse(tools_, call, user_id, old, KeyUse::kGrantRejected);
    return RejectedError(tools_.source.profile());
  }
  PLAYLOG_CRASH_POINT("tokens_rotated");
  const Tokens tokens = TokensAfter(old, *used, *std::move(renewed));
  return Save(call, user_id, old, tokens, claimed_at + options_.save);
}

absl::StatusOr<Credential> Renewer::Open(const rpc::Call& call, std::int64_t user_id) {
  absl::StatusOr<Credential> credential = tools_.vault.Open(call, user_id);
  if (absl::IsNotFound(credential.status())) return KeyMissingError(tools_.source.profile());
  return credential;
}

absl::StatusOr<std::optional<RenewedKey>> Renewer::Ask(const rpc::Call& call, std::int64_t user_id,
                                                       const Secret& refresh_token,
                                                       absl::Time deadline) {
  // Our own client id is what asks, whoever the user is.
  Attempts attempts(tools_, options_.attempts, call, user_id,
                    {.user_id = kAllSignedIn, .key_version = 0}, deadline);
  for (;;) {
    if (tools_.clock.Now() >= deadline) return UnavailableError(tools_.source.profile());
    // Not given up when the callers go: the source may have spent the refresh token by then.
    std::variant<RenewedKey, UpstreamFailure> answer = tools_.source.Renew(
        refresh_token, {.limit = 0, .deadline = deadline, .cancelled = nullptr});
    if (RenewedKey* renewed = std::get_if<RenewedKey>(&answer)) {
      attempts.Count("renewed");
      return std::move(*renewed);
    }
    const UpstreamFailure& failure = std::get<UpstreamFailure>(answer);
    attempts.Count(absl::StrCat("renewal_", failure.cause));
    if (failure.kind == UpstreamFailure::Kind::kRejected) return std::nullopt;
    if (failure.kind == UpstreamFailure::Kind::kUnusable) {
      // No user can help it: mostly our own registration at the source is wrong.
      Log(Severity::kError, "renewal_refused",
          {{"request_id", call.request_id}, {"cause", failure.cause}});
    }
    const absl::Status status = attempts.AfterFailure(failure);
    // The caller's time is not over: only the time that one renewal may take.
    if (absl::IsDeadlineExceeded(status)) return UnavailableError(tools_.source.profile());
    PLAYLOG_RETURN_IF_ERROR(status);
  }
}

absl::StatusOr<Credential> Renewer::Save(const rpc::Call& call, std::int64_t user_id,
                                         const Credential& old, const Tokens& tokens,
                                         absl::Time deadline) {
  // The old refresh token may be worth nothing from now on, so this goes on though everybody has
  // gone, and again if it fails: the version makes the second time harmless.
  rpc::Call saving = call;
  saving.cancelled = nullptr;
  saving.deadline = deadline;
  for (;;) {
    const absl::StatusOr<std::int64_t> version =
        tools_.vault.SaveTokens(saving, user_id, old.version, tokens);
    if (version.ok()) {
      Credential renewed = old;
      renewed.key = tokens.key;
      renewed.refresh_token = tokens.refresh_token;
      renewed.previous_refresh_token = tokens.previous_refresh_token;
      renewed.expires_at = tokens.expires_at;
      renewed.version = *version;
      return renewed;
    }
    if (absl::IsNotFound(version.status())) return KeyMissingError(tools_.source.profile());
    // The user has stored another key, or an earlier try of ours was done though it did not look
    // so.
    if (absl::IsAborted(version.status())) return Open(saving, user_id);
    if (!MayPass(version.status()) || tools_.clock.Now() + kBetweenSaves >= deadline) {
      Log(Severity::kError, "renewed_key_not_saved",
          {{"request_id", call.request_id}, {"error", std::string(version.status().message())}});
      return version.status();
    }
    tools_.clock.Sleep(kBetweenSaves);
  }
}

}  // namespace playlog::ingest
