// SPDX-License-Identifier: Apache-2.0
// What signals to the real binary mean to calls, in every dialect.
#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/child_server.h"
#include "tests/server/grpc/dialects/calls.h"
#include "tests/server/model_folder.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Ask;
using ::cascade::testing::Child;
using ::cascade::testing::Dialect;
using ::cascade::testing::HealthCheckResponse;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::NameOf;
using ::cascade::testing::Reply;
using ::cascade::testing::StartStream;
using ::cascade::testing::StreamCall;

class SignalsTest : public ::testing::TestWithParam<Dialect> {
 protected:
  // Starts the binary, once.
  void Serve(const std::vector<std::string>& flags) {
    child_ = std::make_unique<Child>(folder_.path(), flags);
    child_->WaitFor(HealthCheckResponse::SERVING);
  }

  Child& child() { return *child_; }

  // A call of which the first token has been read.
  std::unique_ptr<StreamCall> Running(const Ask& ask) {
    std::unique_ptr<StreamCall> call = StartStream(GetParam(), child_->channel(), ask);
    EXPECT_TRUE(call->ReadToken());
    return call;
  }

 private:
  const ModelFolder folder_;
  std::unique_ptr<Child> child_;
};

TEST_P(SignalsTest, ARunningStreamFinishesAfterSigterm) {
  Serve({"--drain_seconds=600"});
  const auto call = Running({.tokens = 3'000});
  child().process().Signal(SIGTERM);
  child().WaitFor(HealthCheckResponse::NOT_SERVING);
  const Reply& reply = call->Rest();
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  EXPECT_EQ(reply.tokens.size(), 3'000U);
  EXPECT_EQ(reply.generated, 3'000U);
  EXPECT_EQ(child().process().Wait(), 0);
}

TEST_P(SignalsTest, SigintAndSighupDoAsSigtermDoes) {
  for (const int signal : {SIGINT, SIGHUP}) {
    Serve({"--drain_seconds=600"});
    const auto call = Running({.tokens = 300});
    child().process().Signal(signal);
    const Reply& reply = call->Rest();
    EXPECT_TRUE(reply.status.ok()) << signal << ": " << reply.status.error_message();
    EXPECT_EQ(child().process().Wait(), 0) << signal;
  }
}

TEST_P(SignalsTest, AStreamThatDoesNotFinishInTimeEndsWithAStatus) {
  Serve({"--drain_seconds=0"});
  const auto call = Running({.tokens = kEndless});
  child().process().Signal(SIGTERM);
  EXPECT_EQ(call->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(call->Rest().status.error_message(), "the server is shutting down");
  EXPECT_EQ(child().process().Wait(), 0);
}

TEST_P(SignalsTest, ASecondSignalEndsTheDrainAtOnce) {
  Serve({"--drain_seconds=600"});
  const auto call = Running({.tokens = kEndless});
  child().process().Signal(SIGTERM);
  child().WaitFor(HealthCheckResponse::NOT_SERVING);  // the first one has been taken
  child().process().Signal(SIGTERM);
  EXPECT_EQ(call->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(child().process().Wait(), 0);
}

// Clients that ask for more than the server can do, one call after the other, until they are told
// that it shuts down. Counts what they were told.
class Crowd {
 public:
  Crowd(Dialect dialect, const std::shared_ptr<grpc::Channel>& channel, int clients) {
    for (int i = 0; i < clients; ++i) {
      threads_.emplace_back([this, dialect, channel] {
        while (Call(dialect, channel)) {
        }
      });
    }
  }

  // Returns when so many calls have had their first token.
  void WaitForStarted(int count) const {
    for (int n = started_; n < count; n = started_) started_.wait(n);
  }

  void Join() {
    for (std::thread& thread : threads_) thread.join();
  }

  int accepted_without_status() const { return accepted_without_status_; }

 private:
  // One call, read to its end. False if the server shuts down or is gone.
  bool Call(Dialect dialect, const std::shared_ptr<grpc::Channel>& channel) {
    const auto call = StartStream(dialect, channel, {.tokens = kEndless});
    const bool accepted = call->ReadToken();
    if (accepted) {
      ++started_;
      started_.notify_all();
    }
    const grpc::Status& status = call->Rest().status;
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) return true;
    const bool has_status = status.ok() || status.error_message() == "the server is shutting down";
    if (accepted && !has_status) ++accepted_without_status_;
    return status.error_code() != grpc::StatusCode::UNAVAILABLE;
  }

  std::atomic<int> started_ = 0;
  std::atomic<int> accepted_without_status_ = 0;
  std::vector<std::thread> threads_;
};

TEST_P(SignalsTest, SigtermUnderFullLoadEndsEveryAcceptedCallWithAStatus) {
  Serve({"--max_running=4", "--max_queued=4", "--drain_seconds=1"});
  Crowd crowd(GetParam(), child().channel(), 24);
  crowd.WaitForStarted(4);
  child().process().Signal(SIGTERM);
  EXPECT_EQ(child().process().Wait(), 0);
  crowd.Join();
  EXPECT_EQ(crowd.accepted_without_status(), 0);
}

TEST_P(SignalsTest, ASecondSignalUnderFullLoadEndsThemAtOnce) {
  Serve({"--max_running=4", "--max_queued=4", "--drain_seconds=3600"});
  Crowd crowd(GetParam(), child().channel(), 24);
  crowd.WaitForStarted(4);
  child().process().Signal(SIGTERM);
  child().WaitFor(HealthCheckResponse::NOT_SERVING);  // the first one has been taken
  child().process().Signal(SIGTERM);
  EXPECT_EQ(child().process().Wait(), 0);
  crowd.Join();
  EXPECT_EQ(crowd.accepted_without_status(), 0);
}

INSTANTIATE_TEST_SUITE_P(Dialects, SignalsTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
