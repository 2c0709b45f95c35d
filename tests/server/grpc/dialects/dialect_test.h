// SPDX-License-Identifier: Apache-2.0
// The fixture of tests that run over every dialect.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "grpcpp/channel.h"
#include "gtest/gtest.h"
#include "server/engine/stats.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "tests/server/grpc/dialects/calls.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::testing {

// A server over loopback TCP, and calls of the dialect that is the test's parameter.
class DialectTest : public ::testing::TestWithParam<Dialect> {
 protected:
  // Starts the server. Before all others, once.
  void Serve(const std::function<void(server::Options&)>& adjust = [](server::Options&) {}) {
    served_ = std::make_unique<Served>(folder_.path(), adjust);
    channel_ = served_->NewChannel();
  }

  Served& served() { return *served_; }
  const server::Backend& backend() { return served_->server().backend(); }
  server::WorkerStats stats() { return backend().worker.stats(); }

  std::unique_ptr<StreamCall> Stream(const Ask& ask) {
    return StartStream(GetParam(), channel_, ask);
  }
  std::unique_ptr<GenerateCall> Whole(const Ask& ask) {
    return StartWhole(GetParam(), channel_, ask);
  }

  // A stream, read to its end.
  Reply Generate(const Ask& ask) { return Stream(ask)->Rest(); }

  // Waits until the worker's numbers meet `condition`, which is to come about by itself.
  void WaitFor(const std::function<bool(const server::WorkerStats&)>& condition) {
    while (!condition(stats())) std::this_thread::yield();
  }

  // Waits until a request has its place and one token at least.
  void WaitUntilItRuns() {
    const std::uint64_t before = stats().counts.generated_tokens;
    WaitFor([before](const server::WorkerStats& stats) {
      return stats.running > 0 && stats.counts.generated_tokens > before;
    });
  }

  // Waits until all that was accepted has ended for the worker; answers may be unread.
  void WaitUntilIdle() {
    while (backend().admission.held() > 0) std::this_thread::yield();
  }

  // Waits until nothing is held by anybody.
  void WaitUntilFree() {
    WaitFor([](const server::WorkerStats& stats) {
      return stats.queued == 0 && stats.running == 0 && stats.free_blocks == stats.total_blocks;
    });
  }

 private:
  const ModelFolder folder_;
  std::unique_ptr<Served> served_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace cascade::testing
