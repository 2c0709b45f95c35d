// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/status.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;

// Bytes of a status's trailers as they go over the wire: the message percent-encoded (three bytes
// for each byte that is not printable), the details in base64.
std::size_t TrailerBytes(const grpc::Status& status) {
  std::size_t bytes = status.error_details().size() * 4 / 3 + 4;
  for (const char c : status.error_message()) bytes += (c < ' ' || c > '~' || c == '%') ? 3 : 1;
  return bytes;
}

TEST(StatusTest, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(StatusTest, CodesAndMessagesStayTheSame) {
  const grpc::Status status = ToGrpcStatus(absl::UnavailableError("the model is still loading"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the model is still loading");
  EXPECT_EQ(status.error_details(), "");
}

TEST(StatusTest, BadRequestNamesEveryFieldInMessageAndDetails) {
  const grpc::Status status = ToGrpcStatus(
      BadRequestError({{"sampling.top_p", "is 2; must be in (0, 1]"}, {"text", "is missing"}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "sampling.top_p: is 2; must be in (0, 1]\ntext: is missing");
  EXPECT_THAT(cascade::testing::BadFields(status), ElementsAre("sampling.top_p", "text"));
}

TEST(StatusTest, DetailsRepeatCodeAndMessage) {
  const grpc::Status status = ToGrpcStatus(BadRequestError({{"text", "is missing"}}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
}

TEST(StatusTest, AThousandViolationsFitTheTrailersOfAClient) {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < 1000; ++i) {
    violations.push_back({absl::StrCat("stopping.stop[", i, "]"), "must not be empty"});
  }
  const grpc::Status status = ToGrpcStatus(BadRequestError(violations));
  const std::size_t named = cascade::testing::BadFields(status).size();
  EXPECT_GT(named, 10U);
  EXPECT_TRUE(absl::EndsWith(status.error_message(), absl::StrCat("\nand ", 1000 - named, " more")))
      << status.error_message();
  EXPECT_LT(TrailerBytes(status), 8192U);
}

TEST(StatusTest, ARefusalCarriesTheDelay) {
  const grpc::Status status =
      ToGrpcStatus(WithRetryDelay(absl::ResourceExhaustedError("full"), absl::Milliseconds(1500)));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(cascade::testing::FindDetail(status, retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

}  // namespace
}  // namespace cascade::server
