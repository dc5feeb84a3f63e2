#ifndef PLAYLOG_TESTS_BENCH_SCENARIOS_H_
#define PLAYLOG_TESTS_BENCH_SCENARIOS_H_

#include "tests/bench/options.h"
#include "tests/bench/report.h"
#include "tests/bench/world.h"

namespace playlog::bench {

// The scenarios, each in a file of its name. Each adds its rows to the report; README.md says what
// they are. Everything that cannot be measured throws std::runtime_error.

// Those that start what they need themselves.
void MeasureIdle(const Options& options, Report& report);
void MeasureJson(const Options& options, Report& report);
void MeasureTokens(const Options& options, Report& report);
void MeasureHistoryMemory(const Options& options, Report& report);
void MeasureRandomReaders(const Options& options, Report& report);
void MeasureFetch(const Options& options, Report& report);
void MeasureManyOthers(const Options& options, Report& report);
void MeasureFloods(const Options& options, Report& report);
void MeasureAdmin(const Options& options, Report& report);
void MeasureSync(const Options& options, Report& report);

// Those that share a system with the songs of README.md in it.
void MeasureHistory(World& world, Report& report);
void MeasureStoredSongs(World& world, Report& report);
void MeasureUnchanged(World& world, Report& report);
void MeasureUpsert(World& world, Report& report);
void MeasureBackfill(World& world, Report& report);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_SCENARIOS_H_
