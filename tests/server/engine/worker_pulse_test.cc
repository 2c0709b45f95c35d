// SPDX-License-Identifier: Apache-2.0
// What the worker says of itself.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using ::testing::HasSubstr;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;

class WorkerPulseTest : public ::testing::Test {
 protected:
  WorkerPulseTest() {
    sink_.on_step = [this](std::size_t) { gate_.Pass(); };
  }

  static void AwaitIdle(const Worker& worker) {
    while (worker.pulse().busy) std::this_thread::yield();
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
  RecordingSink sink_;
};

TEST_F(WorkerPulseTest, StandsStillWhileAStepHangsAndGoesOnAfterIt) {
  const auto worker = MakeTinyWorker(tokenizer_, {});
  AwaitIdle(*worker);
  worker->Submit(Request(3, 5, sink_));
  gate_.AwaitVisitor();
  const Worker::Pulse hanging = worker->pulse();
  EXPECT_TRUE(hanging.busy);
  EXPECT_EQ(worker->pulse().count, hanging.count);
  gate_.Next();
  EXPECT_EQ(worker->pulse().count, hanging.count + 1);
  gate_.Open();
  sink_.Await();
  AwaitIdle(*worker);  // would hang if an idle worker looked busy
}

TEST_F(WorkerPulseTest, GoesOnWhileEveryReaderStalls) {
  RecordingSink stalled;
  stalled.SetStalled(true);
  const auto worker = MakeTinyWorker(tokenizer_, {});
  worker->Submit(Request(3, 5, stalled));
  while (worker->stats().stalled == 0) std::this_thread::yield();
  const std::uint64_t count = worker->pulse().count;
  while (worker->pulse().count < count + 3) std::this_thread::yield();  // would hang
  stalled.Cancel();
}

TEST_F(WorkerPulseTest, NamesWhatRuns) {
  RecordingSink other;
  const auto worker = MakeTinyWorker(tokenizer_, {});
  EXPECT_EQ(worker->DescribeRunning(), "");
  GenerationRequest request = Request(3, 5, sink_);
  request.id = "first";
  worker->Submit(std::move(request));
  gate_.AwaitVisitor();
  EXPECT_EQ(worker->DescribeRunning(), "first (prompt 3, at most 5 new)");
  GenerationRequest second = Request(4, 50, other);
  second.id = "second";
  worker->Submit(std::move(second));
  gate_.Next();
  EXPECT_THAT(worker->DescribeRunning(), HasSubstr("; second (prompt 4, at most 50 new)"));
  gate_.Open();
  sink_.Await();
  other.Await();
  EXPECT_EQ(worker->DescribeRunning(), "");
}

TEST_F(WorkerPulseTest, RetryAfterFollowsTheRateAndTheLine) {
  ManualClock clock;
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.worker = {.max_running = 1, .speculate = false, .clock = [&] { return clock.now(); }}});
  EXPECT_EQ(worker->RetryAfter(), absl::Seconds(1)) << "nothing is known";
  RecordingSink measured;
  measured.on_step = [&clock](std::size_t count) {
    if (count == 1) clock.Advance(absl::Seconds(3));
  };
  worker->Submit(Request(3, 2, measured));
  measured.Await();
  EXPECT_NEAR(absl::ToDoubleSeconds(worker->RetryAfter()), 3, 0.01);

  worker->Submit(Request(3, 5, sink_));
  gate_.AwaitVisitor();
  std::vector<RecordingSink> waiting(10);
  for (RecordingSink& sink : waiting) worker->Submit(Request(3, 1, sink));
  EXPECT_NEAR(absl::ToDoubleSeconds(worker->RetryAfter()), 15, 0.05) << "half of them, 3 s each";
  gate_.Open();
  for (const RecordingSink& sink : waiting) sink.Await();
  EXPECT_EQ(worker->stats().queued, 0U);
}

TEST_F(WorkerPulseTest, RetryAfterStaysWithinReason) {
  ManualClock clock;
  const auto worker =
      MakeTinyWorker(tokenizer_, {.worker = {.clock = [&] { return clock.now(); }}});
  RecordingSink fast;
  worker->Submit(Request(3, 1, fast));
  fast.Await();
  RecordingSink slow;
  slow.on_step = [&clock](std::size_t) { clock.Advance(absl::Hours(1)); };
  EXPECT_GE(worker->RetryAfter(), absl::Milliseconds(50));
  worker->Submit(Request(3, 3, slow));
  slow.Await();
  EXPECT_EQ(worker->RetryAfter(), absl::Seconds(60));
}

}  // namespace
}  // namespace cascade::server
