#ifndef PLAYLOG_TESTS_END_TO_END_BAD_UPSTREAM_H_
#define PLAYLOG_TESTS_END_TO_END_BAD_UPSTREAM_H_

#include <string>
#include <vector>

namespace playlog::harness {

enum class Upstream { kSpotify, kLastfm };

// What an upstream does, by a scenario of the stand-ins, and what must come of the fetch.
struct UpstreamRow {
  std::string id;  // In the corpus.
  Upstream upstream = Upstream::kSpotify;
  std::string scenario;  // "fail:2:503"
  int status = 200;
  int plays = 0;      // In the answer, and in the store unless `stored` says otherwise.
  int rejected = -1;  // Items that the ingest service recorded; -1: not said.
  int calls = 1;      // Of the upstream, at least.
  // At most, where it is not as many: a kept connection that ends under a request says nothing of
  // whether the request was seen, so that it is sent once more within the same try.
  int calls_max = 0;
  int stored = -1;  // In the store; -1: as many as in the answer.
};

// Answers that are no page: refusals, faults, broken documents. Nothing is stored.
std::vector<UpstreamRow> UpstreamFaultRows();
// Pages that are good but for something in them.
std::vector<UpstreamRow> UpstreamPageRows();

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_BAD_UPSTREAM_H_
