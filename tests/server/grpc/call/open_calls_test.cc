// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/open_calls.h"

#include <optional>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

TEST(OpenCallsTest, NobodyIsWaitedForIfThereIsNoCall) {
  OpenCalls calls;
  calls.WaitUntilNone(absl::InfiniteDuration());
}

TEST(OpenCallsTest, WaitsUntilTheLastCallIsOver) {
  OpenCalls calls;
  std::optional<OpenCalls::Ticket> first(calls);
  std::optional<OpenCalls::Ticket> second(calls);
  bool over = false;
  std::thread ender([&first, &second, &over] {
    first.reset();
    over = true;
    second.reset();
  });
  calls.WaitUntilNone(absl::InfiniteDuration());
  EXPECT_TRUE(over);
  ender.join();
}

TEST(OpenCallsTest, GivesUpAtTheDeadline) {
  OpenCalls calls;
  const OpenCalls::Ticket ticket(calls);
  calls.WaitUntilNone(absl::ZeroDuration());
}

TEST(OpenCallsTest, ACallWithoutAContextIsNeverCancelled) {
  OpenCalls calls;
  OpenCalls::Ticket ticket(calls);
  ticket.MustEndWithin(absl::ZeroDuration());
  calls.Advance(absl::Seconds(1));  // has nothing to cancel
}

}  // namespace
}  // namespace cascade::server
