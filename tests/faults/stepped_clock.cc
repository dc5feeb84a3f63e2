// A library that is loaded before a program's own (LD_PRELOAD) and lets a test set the clock of
// that program's machine while it runs, as an administrator, a time server or a resumed virtual
// machine does. The steady clock is left alone. Waits that end at a time of day end by the clock as
// it is set meanwhile, which is what the kernel does and what faketime cannot show: it moves the
// clock, and not the waits that are under way.
//
// PLAYLOG_STEPPED_CLOCK names a file of eight bytes: by how many nanoseconds the clock is ahead.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// How soon a wait notices that the clock has been set.
constexpr std::int64_t kSlice = kSecond / 20;

const volatile std::int64_t* MapOffset() {
  static const std::int64_t nothing = 0;
  const char* const path = getenv("PLAYLOG_STEPPED_CLOCK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &nothing;
  void* const bytes = mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return bytes == MAP_FAILED ? &nothing : static_cast<const std::int64_t*>(bytes);
}

std::int64_t Offset() {
  static const volatile std::int64_t* const offset = MapOffset();
  return *offset;
}

// The function that the program would have called without this library.
template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using Syscall = long(long, ...);

long RawSyscall(long number, long a, long b, long c, long d, long e, long f) {
  static Syscall* const next = Next<Syscall>("syscall");
  return next(number, a, b, c, d, e, f);
}

timespec ToTimespec(std::int64_t nanoseconds) {
  return {.tv_sec = nanoseconds / kSecond, .tv_nsec = nanoseconds % kSecond};
}

std::int64_t ToNanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

std::int64_t RealNow() {
  timespec now;
  RawSyscall(SYS_clock_gettime, CLOCK_REALTIME, reinterpret_cast<long>(&now), 0, 0, 0, 0);
  return ToNanoseconds(now);
}

// Until when the kernel is to wait, by its own clock, for a wait that ends at `end` by the moved
// one; `last` says whether that is all of it.
timespec SliceUntil(const timespec& end, bool& last) {
  const std::int64_t real_end = ToNanoseconds(end) - Offset();
  const std::int64_t slice_end = RealNow() + kSlice;
  last = real_end <= slice_end;
  return ToTimespec(std::max<std::int64_t>(std::min(real_end, slice_end), 0));
}

bool IsTimeOfDay(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  if (RawSyscall(SYS_clock_gettime, clock, reinterpret_cast<long>(time), 0, 0, 0, 0) != 0) {
    return -1;
  }
  if (IsTimeOfDay(clock)) *time = ToTimespec(ToNanoseconds(*time) + Offset());
  return 0;
}

int gettimeofday(timeval* time, void*) noexcept {
  const std::int64_t now = RealNow() + Offset();
  *time = {.tv_sec = now / kSecond, .tv_usec = now % kSecond / 1000};
  return 0;
}

time_t time(time_t* time) noexcept {
  const time_t now = (RealNow() + Offset()) / kSecond;
  if (time != nullptr) *time = now;
  return now;
}

// How std::condition_variable waits for a time of day. A wait may end without a reason at any time,
// so each slice ends so.
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* end) {
  static auto* const next =
      Next<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  bool last = false;
  const timespec until = SliceUntil(*end, last);
  const int result = next(condition, mutex, &until);
  return result == ETIMEDOUT && !last ? 0 : result;
}

// How Abseil waits.
long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long words[6];
  for (long& word : words) word = va_arg(list, long);
  va_end(list);
  const bool waits = number == SYS_futex && (words[1] & FUTEX_CLOCK_REALTIME) != 0 && words[3] != 0;
  bool last = true;
  timespec until;
  if (waits) {
    until = SliceUntil(*reinterpret_cast<const timespec*>(words[3]), last);
    words[3] = reinterpret_cast<long>(&until);
  }
  const long result =
      RawSyscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
  if (result == -1 && errno == ETIMEDOUT && !last) errno = EINTR;
  return result;
}

}  // extern "C"
