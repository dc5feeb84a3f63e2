#ifndef PLAYLOG_TESTS_HARNESS_END_TO_END_TEST_H_
#define PLAYLOG_TESTS_HARNESS_END_TO_END_TEST_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "tests/harness/api.h"
#include "tests/harness/stack.h"

namespace playlog::harness {

// A test against the whole system. The tests of a program share one stack, which is started when
// the first of them needs it, and ended, with a check of how each process leaves, after the last.
// After each test every process must still be there, without a report of a sanitizer.
class EndToEndTest : public ::testing::Test {
 public:
  // For programs that want other options: called before the first test, in SetUpTestSuite().
  static void SetOptions(const StackOptions& options);
  static Stack& stack();

 protected:
  void TearDown() override;

  static Api api() { return Api(stack().http_port()); }

  // Runs `store`, which stores a key that is `credential` at the stand-ins, such that the one try
  // that storing makes finds nobody at home and leaves no trace there: the credential's scenario
  // begins with the first fetch.
  static HttpAnswer StoreUntried(const std::string& credential,
                                 const std::function<HttpAnswer()>& store);
};

// Fails the running test unless the answer is the contract's error: the status, the code, the
// body's four fields in their order and nothing more, the fields of the header that the status asks
// for, and no word of the inside. Returns the body's `error` and `detail` in one text.
std::string ExpectError(const HttpAnswer& answer, int status, std::string_view code);

// Fails the running test unless the answer has the security fields of every answer.
void ExpectCommonHeaders(const HttpAnswer& answer);

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_HARNESS_END_TO_END_TEST_H_
