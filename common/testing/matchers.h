#ifndef PLAYLOG_COMMON_TESTING_MATCHERS_H_
#define PLAYLOG_COMMON_TESTING_MATCHERS_H_

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/error.h"

namespace playlog::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <class T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

// Matches an OK absl::Status or absl::StatusOr.
MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).ok();
}

// Matches an OK absl::StatusOr whose value matches `inner`.
MATCHER_P(IsOkAndHolds, inner, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(inner, *arg, result_listener);
}

// Matches a status of the absl code.
MATCHER_P(StatusIs, code, "") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).code() == code;
}

// Matches a status that carries our ErrorCode: ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND).
MATCHER_P(ErrorIs, code, "") {
  *result_listener << GetStatus(arg) << " with the code " << NameOf(CodeOf(GetStatus(arg)));
  return !GetStatus(arg).ok() && CodeOf(GetStatus(arg)) == code;
}

// Matches a message equal to the one written in text format.
MATCHER_P(EqualsProto, text, "") {
  auto expected = arg;
  expected.Clear();
  if (!google::protobuf::TextFormat::ParseFromString(std::string(text), &expected)) {
    *result_listener << "the expectation does not parse";
    return false;
  }
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  const bool equal = differencer.Compare(expected, arg);
  *result_listener << difference;
  return equal;
}

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_MATCHERS_H_
