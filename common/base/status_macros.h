#ifndef PLAYLOG_COMMON_BASE_STATUS_MACROS_H_
#define PLAYLOG_COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expression` from the enclosing function unless it is OK.
#define PLAYLOG_RETURN_IF_ERROR(expression)                                 \
  do {                                                                      \
    if (absl::Status playlog_status = (expression); !playlog_status.ok()) { \
      return playlog_status;                                                \
    }                                                                       \
  } while (false)

#define PLAYLOG_CONCATENATE_INNER(a, b) a##b
#define PLAYLOG_CONCATENATE(a, b) PLAYLOG_CONCATENATE_INNER(a, b)

// Declares or assigns `target` from the value of `expression`, an absl::StatusOr, or returns its
// status: PLAYLOG_ASSIGN_OR_RETURN(const User user, store.Find(id));
#define PLAYLOG_ASSIGN_OR_RETURN(target, ...)                                               \
  PLAYLOG_ASSIGN_OR_RETURN_INNER(PLAYLOG_CONCATENATE(playlog_status_or_, __LINE__), target, \
                                 __VA_ARGS__)
#define PLAYLOG_ASSIGN_OR_RETURN_INNER(status_or, target, ...) \
  auto status_or = (__VA_ARGS__);                              \
  if (!status_or.ok()) return std::move(status_or).status();   \
  target = *std::move(status_or)

#endif  // PLAYLOG_COMMON_BASE_STATUS_MACROS_H_
