// SPDX-License-Identifier: Apache-2.0
// How the worker ends.
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;

// One request runs, stopped at its first token, and one waits; the queue is full.
class WorkerDrainTest : public ::testing::Test {
 protected:
  WorkerDrainTest() {
    running_.on_step = [this](std::size_t count) {
      if (count == 1) gate_.Pass();
      if (count == 2 && at_second_token_) at_second_token_();
    };
    worker_ = MakeTinyWorker(
        tokenizer_,
        {.worker = {.max_running = 1, .max_queued = 0, .clock = [this] { return clock_.now(); }}});
    worker_->Submit(Request(3, 40, running_));
    gate_.AwaitVisitor();
    GenerationRequest request = Request(3, 4, waiting_);
    request.permit = admission_.TryEnter();
    worker_->Submit(std::move(request));
  }

  // Returns when `worker` refuses because it drains, and no longer because its queue is full.
  static void AwaitDraining(Worker& worker) {
    for (;;) {
      RecordingSink probe;
      worker.Submit(Request(3, 1, probe));
      if (probe.record().end->code() == absl::StatusCode::kUnavailable) return;
      std::this_thread::yield();
    }
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  ManualClock clock_;
  Gate gate_;
  std::function<void()> at_second_token_;  // set while the gate is closed
  Admission admission_{1};
  RecordingSink running_;
  RecordingSink waiting_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerDrainTest, LetsEverythingFinishThatWasAccepted) {
  std::thread drainer([this] {
    worker_->Drain(absl::InfiniteFuture());
    // Nothing is left to wait for.
    EXPECT_EQ(running_.record().end, absl::OkStatus());
    EXPECT_EQ(waiting_.record().end, absl::OkStatus());
  });
  AwaitDraining(*worker_);
  gate_.Open();
  drainer.join();
  EXPECT_EQ(running_.record().tokens.size(), 40U);
  EXPECT_EQ(waiting_.record().tokens.size(), 4U);
  EXPECT_EQ(admission_.held(), 0U);
}

TEST_F(WorkerDrainTest, EndsTheRestAtTheDeadline) {
  std::thread drainer([this] { worker_->Drain(clock_.now() + absl::Seconds(10)); });
  AwaitDraining(*worker_);
  clock_.Advance(absl::Seconds(10));
  gate_.Open();
  drainer.join();
  EXPECT_EQ(running_.record().end->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(running_.record().tokens.size(), 1U);
  EXPECT_EQ(waiting_.record().end->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(waiting_.record().tokens.size(), 0U);
  EXPECT_EQ(admission_.held(), 0U);
  const WorkerStats stats = worker_->stats();
  EXPECT_EQ(stats.free_blocks, stats.total_blocks);
  EXPECT_EQ(stats.queued + stats.running, 0U);
}

TEST_F(WorkerDrainTest, DrainsOnSeveralThreadsAllReturn) {
  std::thread patient([this] { worker_->Drain(absl::InfiniteFuture()); });
  std::thread impatient([this] { worker_->Drain(clock_.now() + absl::Seconds(10)); });
  AwaitDraining(*worker_);
  clock_.Advance(absl::Seconds(10));
  gate_.Open();
  patient.join();
  impatient.join();
  worker_->Drain(absl::InfiniteFuture());
  EXPECT_EQ(running_.record().ends, 1U);
  EXPECT_EQ(waiting_.record().ends, 1U);
}

TEST_F(WorkerDrainTest, RefusesWhatComesLaterOnTheCallersThread) {
  gate_.Open();
  worker_->Drain(absl::InfiniteFuture());
  RecordingSink late;
  worker_->Submit(Request(3, 1, late));
  EXPECT_EQ(late.record().end->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(late.record().ended_on, std::this_thread::get_id());
}

TEST_F(WorkerDrainTest, TheDestructorEndsTheRestAfterTheStepThatRuns) {
  at_second_token_ = [worker = worker_.get()] { AwaitDraining(*worker); };  // it has begun
  gate_.Open();
  worker_.reset();
  EXPECT_EQ(running_.record().end->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(waiting_.record().end->code(), absl::StatusCode::kUnavailable);
  EXPECT_LE(running_.record().tokens.size(), 2U);
  EXPECT_EQ(running_.record().ends + waiting_.record().ends, 2U);
  EXPECT_EQ(admission_.held(), 0U);
}

TEST(IdleWorkerDrainTest, ReturnsAtOnce) {
  const model::Tokenizer tokenizer = testing::BundledTokenizer();
  const auto worker = MakeTinyWorker(tokenizer, {});
  worker->Drain(absl::InfiniteFuture());
  EXPECT_EQ(worker->stats().counts.steps, 0U);
}

}  // namespace
}  // namespace cascade::server
