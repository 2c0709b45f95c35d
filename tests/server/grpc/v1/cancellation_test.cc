// SPDX-License-Identifier: Apache-2.0
// Calls that are cancelled in the queue, in their prompts and in their answers, over loopback TCP.
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;

constexpr int kRounds = 20;

// A unary call, which no reader can stall, in a thread of its own.
class UnaryCall {
 public:
  UnaryCall(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request)
      : thread_(
            [this, &stub, request] { status_ = stub.Generate(&context_, request, &response_); }) {}
  ~UnaryCall() { Cancel(); }

  grpc::StatusCode Cancel() {
    context_.TryCancel();
    if (thread_.joinable()) thread_.join();
    return status_.error_code();
  }

 private:
  grpc::ClientContext context_;
  v1::GenerateResponse response_;
  grpc::Status status_;
  std::thread thread_;
};

// A server of which one call fills the only place, with steps of 16 rows.
class CancellationTest : public ::testing::Test {
 protected:
  void WaitFor(const std::function<bool(const WorkerStats&)>& condition) {
    const Worker& worker = served_.server().backend().worker;
    while (!condition(worker.stats())) std::this_thread::yield();
  }

  // Nothing is held by anybody.
  void WaitUntilFree() {
    WaitFor([](const WorkerStats& stats) {
      return stats.queued == 0 && stats.running == 0 && stats.free_blocks == stats.total_blocks;
    });
  }

  static v1::GenerateRequest LongPrompt() {
    v1::GenerateRequest request = Request(10);
    request.clear_text();
    for (std::uint32_t i = 0; i < 20'000; ++i) request.mutable_token_ids()->add_ids(i % 4096);
    request.mutable_cache()->set_bypass(true);  // or the next round has it already
    return request;
  }

  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.worker.max_running = 1;
                   options.worker.step_tokens = 16;
                 }};
};

TEST_F(CancellationTest, WhileItDecodes) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t before = served_.server().backend().worker.stats().counts.generated_tokens;
    UnaryCall call(served_.stub(), Request(kEndless));
    WaitFor(
        [before](const WorkerStats& stats) { return stats.counts.generated_tokens > before + 3; });
    EXPECT_EQ(call.Cancel(), grpc::StatusCode::CANCELLED);
    WaitUntilFree();
  }
}

TEST_F(CancellationTest, WhileItsPromptRuns) {
  for (int round = 0; round < kRounds; ++round) {
    const WorkerStats before = served_.server().backend().worker.stats();
    UnaryCall call(served_.stub(), LongPrompt());
    WaitFor([&before](const WorkerStats& stats) {
      return stats.counts.prompt_tokens > before.counts.prompt_tokens;
    });
    EXPECT_EQ(call.Cancel(), grpc::StatusCode::CANCELLED);
    WaitUntilFree();
    const WorkerStats after = served_.server().backend().worker.stats();
    EXPECT_LT(after.counts.prompt_tokens, before.counts.prompt_tokens + 20'000);
  }
}

TEST_F(CancellationTest, WhileItWaitsAndTheRunningOneGoesOn) {
  UnaryCall running(served_.stub(), Request(kEndless));
  WaitFor([](const WorkerStats& stats) { return stats.running == 1; });
  for (int round = 0; round < kRounds; ++round) {
    UnaryCall waiting(served_.stub(), Request(10));
    WaitFor([](const WorkerStats& stats) { return stats.queued == 1; });
    EXPECT_EQ(waiting.Cancel(), grpc::StatusCode::CANCELLED);
    WaitFor([](const WorkerStats& stats) { return stats.queued == 0; });
    const std::uint64_t before = served_.server().backend().worker.stats().counts.generated_tokens;
    WaitFor([before](const WorkerStats& stats) {
      return stats.running == 1 && stats.counts.generated_tokens > before;
    });
  }
  EXPECT_EQ(running.Cancel(), grpc::StatusCode::CANCELLED);
  WaitUntilFree();
  EXPECT_EQ(served_.server().backend().admission.held(), 0U);
}

}  // namespace
}  // namespace cascade::server
