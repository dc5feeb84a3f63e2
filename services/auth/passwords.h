#ifndef PLAYLOG_SERVICES_AUTH_PASSWORDS_H_
#define PLAYLOG_SERVICES_AUTH_PASSWORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace playlog::auth {

// What a hash costs: Argon2id with parallelism 1.
struct PasswordCost {
  std::uint64_t passes = 2;
  std::size_t memory_bytes = std::size_t{19'456} * 1024;
};

// Hashes passwords and compares them with their hashes. A hash takes 19 MiB and tens of
// milliseconds of a core by design, so they run one at a time, and few callers may wait for their
// turn: a flood of sign-ins must not take the machine from everybody else. Thread-safe.
class Passwords {
 public:
  // The turn to hash. It is held while it lives.
  class Turn {
   public:
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    // Returns the hash as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$…`. Two hashes of one
    // password differ. INTERNAL if there is no memory.
    absl::StatusOr<std::string> Hash(std::string_view password) const;

    // Returns whether the hash is the password's.
    bool Verify(std::string_view password, const std::string& hash) const;

    // Takes the time of Verify, for a user who does not exist.
    void VerifyNobody(std::string_view password) const;

   private:
    friend class Passwords;
    explicit Turn(Passwords* passwords) : passwords_(passwords) {}

    Passwords* passwords_;
  };

  static constexpr int kWaitingMax = 8;

  explicit Passwords(PasswordCost cost = {});
  Passwords(const Passwords&) = delete;
  Passwords& operator=(const Passwords&) = delete;

  // Waits for the turn. OVERLOADED with a Retry-After if kWaitingMax callers wait already or the
  // deadline passes.
  absl::StatusOr<Turn> Wait(absl::Time deadline);

  // Returns whether a hash was made at another cost, so that it should be made anew when the
  // password is next known.
  bool IsOutdated(const std::string& hash) const;

 private:
  void EndTurn();

  const PasswordCost cost_;
  // The hash of a random password, compared in vain for users who do not exist.
  std::string nobody_;
  absl::Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_PASSWORDS_H_
