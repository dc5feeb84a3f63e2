#!/usr/bin/env bash
# tests/bench/run.sh [SCENARIO...] [--output=FILE]
# Runs the built benchmarks: all of them, or those that are named (README.md). deploy/bench calls it
# after building; PLAYLOG_BUILD names the build's folder.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=${PLAYLOG_BUILD:-$checkout/build/bench}
program=$build/tests/bench/playlog-bench

if [[ ! -x $program ]]; then
  printf 'There is no %s; deploy/bench builds it.\n' "$program" >&2
  exit 1
fi
# As deploy/up gives them to PostgreSQL.
PLAYLOG_BENCH_SHARED_BUFFERS=$(source "$checkout/deploy/lib/postgres.sh" && shared_buffers_mb)MB
export PLAYLOG_BENCH_SHARED_BUFFERS
# A hang must not outlast the patience of who waits: the whole run takes the better part of an hour
# on a quiet machine, and twice that on a busy one.
exec timeout --foreground --kill-after=10 7200 "$program" --output="$build/results.json" "$@"
