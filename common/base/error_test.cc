#include "common/base/error.h"

#include <gtest/gtest.h>

#include "common/testing/matchers.h"
#include "playlog/options/v1/options.pb.h"

namespace playlog {
namespace {

TEST(Error, CarriesItsCodeTextAndDetail) {
  const absl::Status status =
      Error(errors::v1::ERROR_CODE_NOT_FOUND, "No such key", "Store one first.");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "No such key");
  EXPECT_EQ(CodeOf(status), errors::v1::ERROR_CODE_NOT_FOUND);
  EXPECT_EQ(DetailOf(status), "Store one first.");
  EXPECT_EQ(RetryAfterOf(status), std::nullopt);
}

TEST(Error, RoundsTheTimeToRetryUpToWholeSeconds) {
  const absl::Status status = RetryableError(errors::v1::ERROR_CODE_RATE_LIMITED, "Slow down", "",
                                             absl::Milliseconds(1200));
  EXPECT_EQ(RetryAfterOf(status), absl::Seconds(2));
}

TEST(Error, NamesTheFieldThatIsWrong) {
  const absl::Status status = InvalidField("limit", "an integer from 1 to 200");
  EXPECT_EQ(CodeOf(status), errors::v1::ERROR_CODE_INVALID_FIELD);
  EXPECT_EQ(FieldOf(status), "limit");
  EXPECT_EQ(status.message(), "Invalid limit: must be an integer from 1 to 200");
}

TEST(Error, ReadsAStatusThatALibraryMade) {
  EXPECT_EQ(CodeOf(absl::UnavailableError("x")), errors::v1::ERROR_CODE_UNAVAILABLE);
  EXPECT_EQ(CodeOf(absl::UnknownError("x")), errors::v1::ERROR_CODE_INTERNAL);
  EXPECT_EQ(CodeOf(absl::DeadlineExceededError("x")), errors::v1::ERROR_CODE_DEADLINE_EXCEEDED);
  EXPECT_EQ(DetailOf(absl::UnknownError("x")), "");
}

TEST(ErrorCodes, EachHasACodeAStatusAndAName) {
  const google::protobuf::EnumDescriptor* codes = errors::v1::ErrorCode_descriptor();
  for (int i = 0; i < codes->value_count(); ++i) {
    const google::protobuf::EnumValueDescriptor* value = codes->value(i);
    if (value->number() == 0) continue;
    const auto code = static_cast<ErrorCode>(value->number());
    EXPECT_TRUE(value->options().HasExtension(options::v1::error_mapping)) << value->name();
    EXPECT_GE(HttpStatusOf(code), 400) << value->name();
    EXPECT_LE(HttpStatusOf(code), 599) << value->name();
    EXPECT_EQ(CodeFromName(NameOf(code)), code);
  }
  EXPECT_EQ(CodeFromName("NO_SUCH_CODE"), errors::v1::ERROR_CODE_UNSPECIFIED);
}

}  // namespace
}  // namespace playlog
