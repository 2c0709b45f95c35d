// SPDX-License-Identifier: Apache-2.0
// Abort and GetStatus, over loopback TCP.
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::GenerateRequest Named(const std::string& id) {
  v1::GenerateRequest request = Request(kEndless);
  request.set_request_id(id);
  return request;
}

// A unary call, which no reader can stall, in a thread of its own.
class UnaryCall {
 public:
  UnaryCall(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request)
      : thread_(
            [this, &stub, request] { status_ = stub.Generate(&context_, request, &response_); }) {}
  ~UnaryCall() {
    context_.TryCancel();
    if (thread_.joinable()) thread_.join();
  }

  grpc::Status Wait() {
    thread_.join();
    return status_;
  }

 private:
  grpc::ClientContext context_;
  v1::GenerateResponse response_;
  grpc::Status status_;
  std::thread thread_;
};

// A server of which one request fills the only place.
class AbortAndStatusTest : public ::testing::Test {
 protected:
  void WaitFor(const std::function<bool(const v1::GetStatusResponse&)>& condition) {
    while (!condition(Status())) std::this_thread::yield();
  }

  v1::GetStatusResponse Status() {
    grpc::ClientContext context;
    v1::GetStatusResponse status;
    EXPECT_TRUE(served_.stub().GetStatus(&context, {}, &status).ok());
    return status;
  }

  grpc::Status Abort(const std::vector<std::string>& ids, v1::AbortResponse& response) {
    v1::AbortRequest request;
    request.mutable_request_ids()->Add(ids.begin(), ids.end());
    grpc::ClientContext context;
    return served_.stub().Abort(&context, request, &response);
  }

  std::vector<std::string> Aborted(const std::vector<std::string>& ids) {
    v1::AbortResponse response;
    EXPECT_TRUE(Abort(ids, response).ok());
    return {response.request_ids().begin(), response.request_ids().end()};
  }

  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) { options.worker.max_running = 1; }};
};

TEST_F(AbortAndStatusTest, EndsARequestThatRunsAndLeavesTheOthers) {
  UnaryCall first(served_.stub(), Named("first"));
  WaitFor([](const v1::GetStatusResponse& status) { return status.running() == 1; });
  UnaryCall second(served_.stub(), Named("second"));
  WaitFor([](const v1::GetStatusResponse& status) { return status.waiting() == 1; });
  EXPECT_THAT(Aborted({"first", "nobody's"}), ElementsAre("first"));
  const grpc::Status end = first.Wait();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(end.error_message(), HasSubstr("was cancelled"));
  // The other one has the place now.
  WaitFor([](const v1::GetStatusResponse& status) {
    return status.running() == 1 && status.waiting() == 0;
  });
}

TEST_F(AbortAndStatusTest, EndsARequestThatWaits) {
  UnaryCall first(served_.stub(), Named("first"));
  WaitFor([](const v1::GetStatusResponse& status) { return status.running() == 1; });
  UnaryCall second(served_.stub(), Named("second"));
  WaitFor([](const v1::GetStatusResponse& status) { return status.waiting() == 1; });
  EXPECT_THAT(Aborted({"second"}), ElementsAre("second"));
  EXPECT_EQ(second.Wait().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AbortAndStatusTest, AnIdThatHasEndedIsNotThere) {
  v1::GenerateRequest request = Request(1);
  request.set_request_id("short");
  EXPECT_TRUE(testing::GenerateStream(served_.stub(), request).status.ok());
  while (!Aborted({"short"}).empty()) std::this_thread::yield();  // until the call is gone, too
}

TEST_F(AbortAndStatusTest, RefusesNoIdsAndTooMany) {
  v1::AbortResponse response;
  EXPECT_THAT(BadFields(Abort({}, response)), ElementsAre("request_ids"));
  EXPECT_THAT(BadFields(Abort(std::vector<std::string>(1025, "x"), response)),
              ElementsAre("request_ids"));
  EXPECT_THAT(Aborted(std::vector<std::string>(1024, "x")), IsEmpty());
}

TEST_F(AbortAndStatusTest, StatusTellsWhatRunsAndWhatRan) {
  const v1::GetStatusResponse before = Status();
  EXPECT_EQ(before.running(), 0U);
  EXPECT_EQ(before.waiting(), 0U);
  EXPECT_EQ(before.kv_cache().used(), 0.0F);
  EXPECT_GT(before.kv_cache().tokens(), 0U);
  EXPECT_EQ(before.totals().generated_tokens(), 0U);

  EXPECT_TRUE(testing::GenerateStream(served_.stub(), Request(5)).status.ok());
  UnaryCall call(served_.stub(), Request(kEndless));
  WaitFor(
      [](const v1::GetStatusResponse& status) { return status.totals().generated_tokens() > 5; });
  const v1::GetStatusResponse during = Status();
  EXPECT_EQ(during.running(), 1U);
  EXPECT_GT(during.kv_cache().used(), 0.0F);
  EXPECT_LE(during.kv_cache().used(), 1.0F);
  EXPECT_EQ(during.totals().finished_requests(), 1U);
  EXPECT_GT(during.totals().prompt_tokens(), 0U);
  EXPECT_GT(during.rates().tokens_per_second(), 0.0F);
  EXPECT_GT(during.retry_after().seconds() + during.retry_after().nanos(), 0);
}

}  // namespace
}  // namespace cascade::server
