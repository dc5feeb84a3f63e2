#ifndef PLAYLOG_TESTS_FAULTS_LEDGER_H_
#define PLAYLOG_TESTS_FAULTS_LEDGER_H_

#include <mutex>
#include <string>
#include <vector>

namespace playlog::faults {

// How an operation ended, as far as its client can know.
enum class Outcome {
  kOk,       // The client has read a complete answer that says so.
  kFailed,   // Refused: it was certainly not done.
  kUnknown,  // No answer, half of one, or one that leaves it open: it may have been done.
};

// What a client has asked for once, and what came of it. Plays are named by their titles, which no
// two plays of an experiment share.
struct Operation {
  Outcome outcome = Outcome::kUnknown;
  int status = 0;                           // Of HTTP or gRPC; 0 if there was no answer.
  std::vector<std::string> asked = {};      // The plays that it may have stored.
  std::vector<std::string> confirmed = {};  // The plays that the answer says are stored.
};

// What clients were told, written where no fault of an experiment reaches: an operation counts once
// it is in the file and the file is on the disk. Thread-safe.
class Ledger {
 public:
  // Appends to the file; ends the test program with a message if that does not work.
  explicit Ledger(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void Write(const Operation& operation);

  // Reads back what a file holds.
  static std::vector<Operation> Read(const std::string& path);

 private:
  const int file_;
  std::mutex mutex_;
};

}  // namespace playlog::faults

#endif  // PLAYLOG_TESTS_FAULTS_LEDGER_H_
