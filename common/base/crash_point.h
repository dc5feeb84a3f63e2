#ifndef PLAYLOG_COMMON_BASE_CRASH_POINT_H_
#define PLAYLOG_COMMON_BASE_CRASH_POINT_H_

#include <string_view>

// PLAYLOG_CRASH_POINT("name") is a place at which a test may end the process as kill -9 would:
// where work is done by halves. tests/faults/README.md lists them. What is released has none of it,
// as it has no assertions either.
#ifdef NDEBUG
#define PLAYLOG_CRASH_POINT(name) static_cast<void>(0)
#else
#define PLAYLOG_CRASH_POINT(name) ::playlog::PassCrashPoint(name)
#endif

namespace playlog {

// Ends the process with SIGKILL if the file that the environment's PLAYLOG_CRASH_POINT_FILE names
// holds this name. The file is removed first, so that an armed point ends one process once.
void PassCrashPoint(std::string_view name);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_CRASH_POINT_H_
