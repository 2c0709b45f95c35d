// SPDX-License-Identifier: Apache-2.0
// Health while the worker hangs, over loopback TCP.
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/clock.h"
#include "server/engine/generation_request.h"
#include "server/engine/token_sink.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

// Holds the worker's thread in its first step until it is let go.
class HoldingSink final : public TokenSink {
 public:
  void OnStarted(std::size_t /*cached_tokens*/) override {}
  void OnStep(std::size_t /*choice*/, model::DecodingStep /*step*/) override {
    Raise(holds_);
    go_.wait(false);
  }
  void OnFinished(const RunStats& /*stats*/) override { Raise(ended_); }
  void OnFailed(absl::Status /*status*/) override { Raise(ended_); }
  bool IsCancelled() const override { return false; }
  bool IsStalled() const override { return false; }

  void WaitUntilItHolds() const { holds_.wait(false); }
  void LetGo() { Raise(go_); }
  void WaitForTheEnd() const { ended_.wait(false); }

 private:
  static void Raise(std::atomic<bool>& flag) {
    flag = true;
    flag.notify_all();
  }

  std::atomic<bool> holds_ = false;
  std::atomic<bool> go_ = false;
  std::atomic<bool> ended_ = false;
};

GenerationRequest TwoTokens(TokenSink& sink) {
  GenerationRequest request;
  request.id = "holder";
  request.prompt = {1};
  request.params.stopping.max_new_tokens = 2;
  request.sink = &sink;
  return request;
}

class Watch {
 public:
  Watch(grpc::health::v1::Health::Stub& stub, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    reader_ = stub.Watch(&context_, request);
  }
  ~Watch() {
    context_.TryCancel();
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    (void)reader_->Finish();
  }

  HealthCheckResponse::ServingStatus Next() {
    HealthCheckResponse response;
    EXPECT_TRUE(reader_->Read(&response));
    return response.status();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

TEST(WorkerHangTest, HealthTurnsNotServingAndBack) {
  const ModelFolder folder;
  Served served(folder.path(),
                [](Options& options) { options.worker_hang = absl::Milliseconds(50); });
  Watch liveness(served.health(), "");
  Watch readiness(served.health(), v1::TextGeneration::service_full_name());
  EXPECT_EQ(liveness.Next(), HealthCheckResponse::SERVING);
  EXPECT_EQ(readiness.Next(), HealthCheckResponse::SERVING);

  HoldingSink sink;
  served.server().backend().worker.Submit(TwoTokens(sink));
  EXPECT_EQ(liveness.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(readiness.Next(), HealthCheckResponse::NOT_SERVING);
  sink.LetGo();
  EXPECT_EQ(liveness.Next(), HealthCheckResponse::SERVING);
  EXPECT_EQ(readiness.Next(), HealthCheckResponse::SERVING);
  sink.WaitForTheEnd();
}

TEST(WorkerHangTest, ADrainGivesUpAfterItsDeadlineAndSaysWhatHangs) {
  const ModelFolder folder;
  Served served(folder.path(),
                [](Options& options) { options.worker_hang = absl::Milliseconds(50); });
  HoldingSink sink;
  served.server().backend().worker.Submit(TwoTokens(sink));
  sink.WaitUntilItHolds();
  const absl::Status status = served.server().Drain(MonotonicNow());  // would wait for ever
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("the worker hangs in a step"));
  EXPECT_THAT(status.message(), HasSubstr("holder (prompt 1, at most 2 new)"));
  sink.LetGo();
  while (!served.server().Drain(MonotonicNow()).ok()) std::this_thread::yield();
  sink.WaitForTheEnd();
}

}  // namespace
}  // namespace cascade::server
