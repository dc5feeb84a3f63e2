#include "services/auth/passwords.h"

#include <sodium.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "common/base/error.h"

namespace playlog::auth {
namespace {

absl::Status BusyError() {
  return RetryableError(errors::v1::ERROR_CODE_OVERLOADED, "Too many sign-ins at once",
                        "Try again in a moment.", absl::Seconds(1));
}

absl::StatusOr<std::string> MakeHash(std::string_view password, const PasswordCost& cost) {
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), cost.passes,
                            cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return InternalError("no memory to hash a password");
  }
  return std::string(hash.data());
}

std::string HashOfRandomPassword(const PasswordCost& cost) {
  // Without its random numbers and memory, nothing of this process may go on.
  if (sodium_init() < 0) std::abort();
  std::array<char, 32> password{};
  randombytes_buf(password.data(), password.size());
  absl::StatusOr<std::string> hash =
      MakeHash(std::string_view(password.data(), password.size()), cost);
  if (!hash.ok()) std::abort();
  return *std::move(hash);
}

}  // namespace

Passwords::Passwords(PasswordCost cost) : cost_(cost), nobody_(HashOfRandomPassword(cost)) {}

absl::StatusOr<Passwords::Turn> Passwords::Wait(absl::Time deadline) {
  const absl::MutexLock lock(&mutex_);
  if (running_) {
    if (waiting_ >= kWaitingMax) return BusyError();
    ++waiting_;
    const auto is_free = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !running_; };
    const bool free = mutex_.AwaitWithDeadline(absl::Condition(&is_free), deadline);
    --waiting_;
    if (!free) return BusyError();
  }
  running_ = true;
  return Turn(this);
}

void Passwords::EndTurn() {
  const absl::MutexLock lock(&mutex_);
  running_ = false;
}

bool Passwords::IsOutdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), cost_.passes, cost_.memory_bytes) != 0;
}

Passwords::Turn::Turn(Turn&& other) noexcept
    : passwords_(std::exchange(other.passwords_, nullptr)) {}

Passwords::Turn::~Turn() {
  if (passwords_ != nullptr) passwords_->EndTurn();
}

absl::StatusOr<std::string> Passwords::Turn::Hash(std::string_view password) const {
  return MakeHash(password, passwords_->cost_);
}

bool Passwords::Turn::Verify(std::string_view password, const std::string& hash) const {
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

void Passwords::Turn::VerifyNobody(std::string_view password) const {
  // The answer does not matter; the call into the library cannot be optimised away.
  static_cast<void>(Verify(password, passwords_->nobody_));
}

}  // namespace playlog::auth
