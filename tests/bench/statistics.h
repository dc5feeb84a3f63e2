#ifndef PLAYLOG_TESTS_BENCH_STATISTICS_H_
#define PLAYLOG_TESTS_BENCH_STATISTICS_H_

#include <vector>

namespace playlog::bench {

// The middle of the values, of which there is at least one.
double Median(std::vector<double> values);

// The smallest of the values that `share` of them (0 to 1) do not exceed: the nearest rank, so that
// it is a value that was measured. There is at least one value.
double Percentile(std::vector<double> values, double share);

// What comes out pair by pair, for as many pairs as both have: what the machine did to both slices
// of a pair cancels out.
std::vector<double> Ratios(const std::vector<double>& over, const std::vector<double>& under);
std::vector<double> Differences(const std::vector<double>& of, const std::vector<double>& less);

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_STATISTICS_H_
