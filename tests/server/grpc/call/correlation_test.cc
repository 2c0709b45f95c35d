// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/correlation.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr absl::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr absl::string_view kSpanId = "00f067aa0ba902b7";

TEST(CorrelationTest, TakesTheTraceparentsOfTheSpecification) {
  EXPECT_TRUE(IsTraceparent(absl::StrCat("00-", kTraceId, "-", kSpanId, "-01")));
  EXPECT_TRUE(IsTraceparent(absl::StrCat("00-", kTraceId, "-", kSpanId, "-00")));
  // Of a later version, which may append fields.
  EXPECT_TRUE(IsTraceparent(absl::StrCat("cc-", kTraceId, "-", kSpanId, "-01")));
  EXPECT_TRUE(IsTraceparent(absl::StrCat("cc-", kTraceId, "-", kSpanId, "-01-more")));
}

TEST(CorrelationTest, TakesNoOtherTraceparent) {
  const std::string good = absl::StrCat("00-", kTraceId, "-", kSpanId, "-01");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(IsTraceparent(good.substr(0, size))) << size;
    std::string spoiled = good;
    spoiled[size] = '+';
    EXPECT_FALSE(IsTraceparent(spoiled)) << spoiled;
  }
  EXPECT_FALSE(IsTraceparent(good + "-more"));  // version 00 has no more
  EXPECT_FALSE(IsTraceparent(absl::StrCat("cc", good.substr(2), "more")));
  EXPECT_FALSE(IsTraceparent(absl::StrCat("ff", good.substr(2))));
  EXPECT_FALSE(IsTraceparent(absl::StrCat("0A", good.substr(2))));
  EXPECT_FALSE(IsTraceparent(absl::StrCat("00-", std::string(32, '0'), "-", kSpanId, "-01")));
  EXPECT_FALSE(IsTraceparent(absl::StrCat("00-", kTraceId, "-", std::string(16, '0'), "-01")));
  EXPECT_FALSE(IsTraceparent(absl::StrCat("cc", good.substr(2), "-", std::string(200, 'm'))));
}

TEST(CorrelationTest, ACallWithoutTheHeadersHasNone) {
  const grpc::CallbackServerContext context;
  const Correlation correlation = CorrelationOf(context);
  EXPECT_EQ(correlation.request_id, "");
  EXPECT_EQ(correlation.correlation_id, "");
  EXPECT_EQ(correlation.traceparent, "");
}

}  // namespace
}  // namespace cascade::server
