// SPDX-License-Identifier: Apache-2.0
// The real binary whose stderr is a pipe that nobody reads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/server/server_process.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::ServerProcess;
using ::cascade::testing::TempDir;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// Above 64 KiB in the pipe and 8192 lines in the queue.
constexpr int kMoreThanFits = 10'000;

// A named pipe. Only Read reads it.
class Fifo {
 public:
  Fifo() {
    EXPECT_EQ(mkfifo(path_.c_str(), 0600), 0);
    fd_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // does not wait for a writer
    fcntl(fd_, F_SETFL, 0);
  }
  ~Fifo() { close(fd_); }
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  const std::string& path() const { return path_; }

  // Makes a write to it wait.
  void Fill() const {
    const int writer = open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    while (write(writer, "\n", 1) == 1) {
    }
    close(writer);
  }

  // What has come since the last call; waits for it. Empty once every writer has gone.
  std::string Read() const {
    char buffer[4096];
    const ssize_t bytes = read(fd_, buffer, sizeof(buffer));
    return bytes > 0 ? std::string(buffer, static_cast<std::size_t>(bytes)) : "";
  }

 private:
  const TempDir folder_;
  const std::string path_ = folder_.PathOf("stderr");
  int fd_ = -1;
};

// A command that runs another, whose stderr is `fifo`.
std::vector<std::string> WithStandardError(const Fifo& fifo) {
  return {"sh", "-c", absl::StrCat("exec \"$@\" 2> '", fifo.path(), "'"), "sh"};
}

class StoppedLogReaderTest : public ::testing::Test {
 protected:
  // Returns when health says that the server serves.
  void WaitUntilServing() {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(v1::TextGeneration::service_full_name());
    const auto watch = health_->Watch(&context, request);
    HealthCheckResponse response;
    while (response.status() != HealthCheckResponse::SERVING && watch->Read(&response)) {
    }
    context.TryCancel();
  }

  // One request that is refused: one debug line. False if the server gave another answer.
  bool Refuse() {
    v1::GenerateRequest request = Request(1);
    request.mutable_sampling()->set_top_p(2);
    grpc::ClientContext context;
    v1::GenerateResponse response;
    return stub_->Generate(&context, request, &response).error_code() ==
           grpc::StatusCode::INVALID_ARGUMENT;
  }

  void Flood() {
    for (int i = 0; i < kMoreThanFits; ++i) ASSERT_TRUE(Refuse());
  }

  void ExpectItServes() {
    HealthCheckResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(health_->Check(&context, HealthCheckRequest(), &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
    EXPECT_TRUE(GenerateStream(*stub_, Request(3)).status.ok());
  }

  const Fifo fifo_;
  const ModelFolder folder_;
  ServerProcess process_{{"--model=" + folder_.path(), "--listen=127.0.0.1:0",
                          "--kv_cache_bytes=64MiB", "--log_level=debug"},
                         WithStandardError(fifo_)};
  const std::shared_ptr<grpc::Channel> channel_ =
      grpc::CreateChannel(process_.Address(), grpc::InsecureChannelCredentials());
  const std::unique_ptr<v1::TextGeneration::Stub> stub_ = v1::TextGeneration::NewStub(channel_);
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_ =
      grpc::health::v1::Health::NewStub(channel_);
};

TEST_F(StoppedLogReaderTest, NeitherServingNorTheEndWaitsForIt) {
  WaitUntilServing();
  Flood();
  ExpectItServes();
  process_.Signal(SIGTERM);
  EXPECT_EQ(process_.Wait(), 0);
}

TEST(StoppedLogReaderAtStartTest, AServerThatCannotStartEnds) {
  const Fifo fifo;
  fifo.Fill();
  ServerProcess wrong_flag({"--model=m", "--threads=0"}, WithStandardError(fifo));
  EXPECT_EQ(wrong_flag.Wait(), 2);
  ServerProcess no_model({"--model=/does/not/exist", "--listen=127.0.0.1:0"},
                         WithStandardError(fifo));
  EXPECT_EQ(no_model.Wait(), 1);
}

TEST_F(StoppedLogReaderTest, ReadsHowManyLinesItMissedWhenItGoesOn) {
  const std::string warning = "warning log lines dropped lines=";
  WaitUntilServing();
  Flood();
  std::string log;
  std::atomic<bool> warned = false;
  std::thread reader([&] {
    for (std::string text = fifo_.Read(); !text.empty(); text = fifo_.Read()) {
      const std::size_t before = log.size() > warning.size() ? log.size() - warning.size() : 0;
      log += text;
      if (log.find(warning, before) != std::string::npos) warned = true;
    }
  });
  while (!warned && Refuse()) {
  }
  process_.Signal(SIGTERM);
  EXPECT_EQ(process_.Wait(), 0);
  reader.join();
  EXPECT_TRUE(warned);
  EXPECT_TRUE(log.ends_with("info shut down\n")) << log.size();
}

}  // namespace
}  // namespace cascade::server
