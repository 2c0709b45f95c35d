// Health while the worker hangs, over loopback TCP.
#include <atomic>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/grpc/model_folder.h"
#include "tests/server/grpc/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Holds the worker's thread in its first step until it is let go.
class HoldingSink final : public TokenSink {
 public:
  void OnStarted(std::size_t /*cached_tokens*/) override {}
  void OnStep(model::DecodingStep /*step*/) override { go_.wait(false); }
  void OnFinished(const Timings& /*timings*/) override { End(); }
  void OnFailed(absl::Status /*status*/) override { End(); }
  bool IsCancelled() const override { return false; }
  bool IsStalled() const override { return false; }

  void LetGo() {
    go_ = true;
    go_.notify_all();
  }
  void WaitForTheEnd() const { ended_.wait(false); }

 private:
  void End() {
    ended_ = true;
    ended_.notify_all();
  }

  std::atomic<bool> go_ = false;
  std::atomic<bool> ended_ = false;
};

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
  GenerationRequest request;
  request.id = "holder";
  request.prompt = {1};
  request.params.stopping.max_new_tokens = 1;
  request.sink = &sink;
  served.server().backend().worker.Submit(std::move(request));
  EXPECT_EQ(liveness.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(readiness.Next(), HealthCheckResponse::NOT_SERVING);
  sink.LetGo();
  EXPECT_EQ(liveness.Next(), HealthCheckResponse::SERVING);
  EXPECT_EQ(readiness.Next(), HealthCheckResponse::SERVING);
  sink.WaitForTheEnd();
}

}  // namespace
}  // namespace cascade::server
