// SPDX-License-Identifier: Apache-2.0
// Clients that do not read what they asked for, over loopback TCP.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/grpc/call/generation_call.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::ReadAll;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::HasSubstr;

// Tokens of some 300 bytes each, which soon fill the windows of an UnreadCall.
v1::GenerateRequest LargeTokens(std::uint32_t count) {
  v1::GenerateRequest request = Request(count);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(20);
  return request;
}

// An answer that is generated to its end, since it is too short to be stalled, and does not fit the
// windows.
v1::GenerateRequest Unreadable() { return LargeTokens(kMaxUnsent.tokens); }

// A connection whose stream windows are small.
std::shared_ptr<grpc::Channel> NarrowChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// A call on a connection of its own that is never read, unless somebody asks for the rest.
class UnreadCall {
 public:
  UnreadCall(Served& served, const v1::GenerateRequest& request)
      : stub_(v1::TextGeneration::NewStub(NarrowChannel(served.server().address()))),
        reader_(stub_->GenerateStream(&context_, request)) {
    reader_->WaitForInitialMetadata();
  }
  ~UnreadCall() {
    context_.TryCancel();
    Rest();
  }

  Stream Rest() {
    Stream stream;
    if (reader_ == nullptr) return stream;
    stream = ReadAll(*reader_);
    reader_.reset();
    return stream;
  }

 private:
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::GenerateEvent>> reader_;
};

// Waits until all that was accepted has ended for the worker; answers may be unread.
void WaitUntilIdle(const Backend& backend) {
  while (backend.admission.held() > 0) std::this_thread::yield();
}

TEST(SlowReaderTest, OnlyItsOwnAnswerPauses) {
  const ModelFolder folder;
  Served served(folder.path());
  const Worker& worker = served.server().backend().worker;
  UnreadCall slow(served, LargeTokens(3'000));
  while (worker.stats().stalled == 0) std::this_thread::yield();
  EXPECT_TRUE(GenerateStream(served.stub(), Request(500)).status.ok());
  EXPECT_EQ(worker.stats().stalled, 1U);
  const Stream stream = slow.Rest();
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_EQ(stream.Answer().logprobs_size(), 3'000);
}

TEST(SlowReaderTest, IsEndedWithAbortedWhenItTakesTooLong) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) {
    options.worker.stalled_reader_limit = absl::Milliseconds(100);
  });
  UnreadCall slow(served, LargeTokens(kEndless));
  WaitUntilIdle(served.server().backend());
  const Stream stream = slow.Rest();
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::ABORTED) << stream.status.error_message();
  EXPECT_GT(stream.Answer().logprobs_size(), 0);  // what there was
  served.DrainAll();
  EXPECT_TRUE(served.EverythingIsFree());
}

TEST(SlowReaderTest, MayBeCancelledWhileItIsPaused) {
  const ModelFolder folder;
  Served served(folder.path());
  {
    const UnreadCall slow(served, LargeTokens(kEndless));
    while (served.server().backend().worker.stats().stalled == 0) std::this_thread::yield();
  }
  WaitUntilIdle(served.server().backend());  // the worker slept, and was woken
  served.DrainAll();
  EXPECT_TRUE(served.EverythingIsFree());
}

TEST(SlowReaderTest, AnAnswerThatNobodyTakesIsGivenUp) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) {
    options.worker.stalled_reader_limit = absl::Milliseconds(200);
  });
  const Backend& backend = served.server().backend();
  UnreadCall slow(served, Unreadable());
  while (backend.open_generations.held() > 0) std::this_thread::yield();  // for ever, if it is kept
  EXPECT_EQ(slow.Rest().status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST(SlowReaderTest, UnreadAnswersAreBoundedInNumber) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) {
    options.worker.max_running = 1;
    options.worker.max_queued = 0;
  });
  const Backend& backend = served.server().backend();
  std::vector<std::unique_ptr<UnreadCall>> unread;
  for (int i = 0; i < 2; ++i) {
    unread.push_back(std::make_unique<UnreadCall>(served, Unreadable()));
    WaitUntilIdle(backend);
  }
  EXPECT_EQ(backend.open_generations.held(), 2U);
  const Stream refused = GenerateStream(served.stub(), Request(1));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("2 answers"));
  EXPECT_TRUE(unread.front()->Rest().status.ok());
  while (backend.open_generations.held() == 2) std::this_thread::yield();
  EXPECT_TRUE(GenerateStream(served.stub(), Request(1)).status.ok());
}

}  // namespace
}  // namespace cascade::server
