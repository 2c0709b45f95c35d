// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/trace_context.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Traceparent(const std::string& flags) {
  return std::string("00-") + kTrace + "-" + kParent + "-" + flags;
}

TEST(TraceContextTest, ACallContinuesItsCallersTrace) {
  const TraceContext context = ContextOf(Traceparent("01"), 7, /*sample_ratio=*/0);
  EXPECT_EQ(absl::BytesToHexString(context.trace_id), kTrace);
  EXPECT_EQ(absl::BytesToHexString(context.parent_span_id), kParent);
  EXPECT_TRUE(context.sampled);
}

TEST(TraceContextTest, TheCallersFirstFlagAloneDecidesWhetherItIsSampled) {
  EXPECT_FALSE(ContextOf(Traceparent("00"), 7, 1).sampled);
  EXPECT_FALSE(ContextOf(Traceparent("02"), 7, 1).sampled);
  EXPECT_TRUE(ContextOf(Traceparent("03"), 7, 0).sampled);
}

TEST(TraceContextTest, ACallWithoutACallersTraceBeginsOne) {
  const TraceContext context = ContextOf("", 7, 1);
  EXPECT_EQ(context.trace_id.size(), 16U);
  EXPECT_EQ(context.parent_span_id, "");
  EXPECT_TRUE(context.sampled);
  EXPECT_EQ(ContextOf("", 7, 1).trace_id, context.trace_id);  // of all its generations
  EXPECT_NE(ContextOf("", 8, 1).trace_id, context.trace_id);
  EXPECT_NE(context.trace_id.substr(8), SpanId(7));
}

TEST(TraceContextTest, SamplesTheShareThatItIsTold) {
  const auto sampled = [](double ratio) {
    int count = 0;
    for (std::uint64_t id = 1; id <= 10'000; ++id) count += ContextOf("", id, ratio).sampled;
    return count;
  };
  EXPECT_EQ(sampled(0), 0);
  EXPECT_EQ(sampled(1), 10'000);
  EXPECT_NEAR(sampled(0.1), 1'000, 100);
  EXPECT_NEAR(sampled(0.5), 5'000, 200);
}

TEST(TraceContextTest, TheBytesOfAnIdStandMostSignificantFirst) {
  EXPECT_EQ(absl::BytesToHexString(SpanId(0x0123456789ABCDEF)), "0123456789abcdef");
}

}  // namespace
}  // namespace cascade::server
