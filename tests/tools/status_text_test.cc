// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/status_text.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace cascade::cli {
namespace {

TEST(StatusTextTest, IsCodeAndMessage) {
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down")),
            "UNAVAILABLE: shutting down");
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "who?")),
            "UNAUTHENTICATED: who?");
}

TEST(StatusTextTest, PrintsEveryFieldViolationOnItsLineInPlaceOfTheMessage) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("sampling.top_p");
  violation->set_description("must be above 0");
  violation = bad_request.add_field_violations();
  violation->set_field("stopping.stop[0]");
  violation->set_description("must not be empty");
  google::rpc::Status details;
  EXPECT_TRUE(details.add_details()->PackFrom(bad_request));
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "2 fields are wrong",
                                    details.SerializeAsString())),
            "INVALID_ARGUMENT:\n"
            "  sampling.top_p: must be above 0\n"
            "  stopping.stop[0]: must not be empty");
}

TEST(StatusTextTest, SaysWhenToTryAgain) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Status details;
  EXPECT_TRUE(details.add_details()->PackFrom(retry));
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full",
                                    details.SerializeAsString())),
            "RESOURCE_EXHAUSTED: the queue is full\n  try again in 1.5s");
}

TEST(StatusTextTest, LeavesOutDetailsThatDoNotParse) {
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xFF\xFF\xFF")),
            "INTERNAL: broken");
}

}  // namespace
}  // namespace cascade::cli
