#include "tests/faults/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace playlog::faults {
namespace {

constexpr std::string_view kOutcomes = "of?";  // In the order of Outcome.

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "the ledger: %s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

// One line: the outcome, the status, and two lists of titles, with tabs between.
std::string LineOf(const Operation& operation) {
  return absl::StrCat(std::string(1, kOutcomes[static_cast<std::size_t>(operation.outcome)]), "\t",
                      operation.status, "\t", absl::StrJoin(operation.asked, ","), "\t",
                      absl::StrJoin(operation.confirmed, ","), "\n");
}

Operation OperationOf(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, '\t');
  Operation operation;
  if (fields.size() != 4 || fields[0].size() != 1 ||
      !absl::SimpleAtoi(fields[1], &operation.status)) {
    Fail("no line of a ledger: " + line);
  }
  operation.outcome = static_cast<Outcome>(kOutcomes.find(fields[0]));
  operation.asked = absl::StrSplit(fields[2], ',', absl::SkipEmpty());
  operation.confirmed = absl::StrSplit(fields[3], ',', absl::SkipEmpty());
  return operation;
}

}  // namespace

Ledger::Ledger(const std::string& path)
    : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (file_ < 0) Fail(path);
}

Ledger::~Ledger() { close(file_); }

void Ledger::Write(const Operation& operation) {
  const std::string line = LineOf(operation);
  const std::lock_guard lock(mutex_);
  if (write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) Fail("write");
  if (fsync(file_) != 0) Fail("fsync");
}

std::vector<Operation> Ledger::Read(const std::string& path) {
  std::vector<Operation> operations;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) operations.push_back(OperationOf(line));
  return operations;
}

}  // namespace playlog::faults
