#ifndef PLAYLOG_TESTS_STANDINS_FAULTS_H_
#define PLAYLOG_TESTS_STANDINS_FAULTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/standins/http_message.h"
#include "tests/standins/scenario.h"

namespace playlog::standins {

// What a scenario may use to make its answer.
struct FaultContext {
  const Scenario& scenario;
  std::int64_t call;  // Which call of this credential to this service it is, from 1.
  std::function<Content()> good;
  std::function<Content(int status)> error;  // The service's own error body.
  std::string base_url;                      // "http://127.0.0.1:1234", as the client knows us.
  std::string samples_directory;
};

struct Fault {
  std::string_view name;
  Answer (*make)(const FaultContext&);
};

// The scenarios that work at every service, as README.md lists them.
std::span<const Fault> StatusFaults();    // What an honest server says: statuses, documents.
std::span<const Fault> DocumentFaults();  // Bodies that are not the document they should be.
std::span<const Fault> WireFaults();      // Broken HTTP, broken connections.

// Empty when no such scenario works at every service.
std::optional<Answer> CommonFault(const FaultContext& context);
std::vector<std::string> CommonFaultNames();

// Reads a file under the samples directory. Throws std::runtime_error when there is none, or when
// the path leads out of the directory.
std::string ReadSample(const std::string& samples_directory, const std::string& path);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_FAULTS_H_
