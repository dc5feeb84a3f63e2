#ifndef PLAYLOG_TESTS_END_TO_END_CANARY_SEARCH_H_
#define PLAYLOG_TESTS_END_TO_END_CANARY_SEARCH_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/http_client.h"
#include "tests/harness/stack.h"

namespace playlog::harness {

// A secret, in each form in which it could slip out.
class Needle {
 public:
  // `name` tells it apart in messages; a secret that is found is not repeated there.
  Needle(std::string name, const std::string& secret);

  const std::string& name() const { return name_; }
  // Where the first of the forms is: as it is, as lower-case hexadecimal digits (as pg_dump shows
  // bytes) or in base64 at any of its three alignments. npos if none is there.
  std::size_t FindIn(std::string_view text) const;

 private:
  std::string name_;
  std::vector<std::string> forms_;
};

// Where secrets have no business.
enum class Place { kLogs, kResponses, kMetrics, kDump, kCluster, kCommandLines, kVariables };

// Looks for secrets in all that a running stack leaves behind or shows.
class CanarySearch {
 public:
  // `stack` must use a PostgreSQL on this machine.
  explicit CanarySearch(Stack& stack) : stack_(stack) {}

  // Keeps what a client saw, to be searched with the rest.
  void KeepResponse(const HttpAnswer& answer);

  // Looks everywhere, after a checkpoint. Returns what was found where, in words without the
  // secret, by place; a place without a find has no entry. Fails the running test for a place that
  // it could not look at, or that was empty.
  std::map<Place, std::vector<std::string>> Find(const std::vector<Needle>& needles);

 private:
  using Found = std::map<Place, std::vector<std::string>>;

  void Look(Place place, const std::string& what, std::string_view text,
            const std::vector<Needle>& needles, Found& found);
  void LookAtLogs(const std::vector<Needle>& needles, Found& found);
  void LookAtMetrics(const std::vector<Needle>& needles, Found& found);
  void LookAtDump(const std::vector<Needle>& needles, Found& found);
  void LookAtCluster(const std::vector<Needle>& needles, Found& found);
  void LookAtProcesses(const std::vector<Needle>& needles, Found& found);

  Stack& stack_;
  std::string responses_;
  std::map<Place, std::size_t> bytes_seen_;
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_CANARY_SEARCH_H_
