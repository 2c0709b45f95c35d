// SPDX-License-Identifier: Apache-2.0
// The real binary, from its command line to its exit status.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/cgroup.h"
#include "tests/server/child_server.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/server/server_process.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Child;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::HealthCheckResponse;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::ServerProcess;
using ::cascade::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProcessTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
};

TEST_F(ProcessTest, ServesAndEndsWithZeroOnSigterm) {
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  EXPECT_TRUE(GenerateStream(child.stub(), Request(3)).status.ok());
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
}

TEST_F(ProcessTest, ListensOnAUnixSocket) {
  const TempDir folder;
  const std::string address = "unix:" + folder.PathOf("socket");
  ServerProcess process({"--model=" + folder_.path(), "--listen=" + address,
                         "--kv_cache_bytes=64MiB", "--log_level=off"});
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const auto stub = v1::TextGeneration::NewStub(channel);
  grpc::Status status;
  do {  // until it listens and the model is loaded
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::GetModelResponse model;
    status = stub->GetModel(&context, v1::GetModelRequest(), &model);
  } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(status.ok()) << status.error_message();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST_F(ProcessTest, ATakenPortIsAnErrorThatSaysSo) {
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  ServerProcess second({"--model=" + folder_.path(), "--listen=" + child.address()});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_EQ(second.StandardError(), absl::StrCat("cascade-server: cannot listen on ",
                                                 child.address(), ": Address already in use\n"));
}

TEST_F(ProcessTest, TheStartUpLogSaysWhatIsServedAndHowToCallIt) {
  Child child(folder_.path(), {"--model_name=tiny"});
  child.WaitFor(HealthCheckResponse::SERVING);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(
      child.process().StandardError(),
      AllOf(HasSubstr("info listening address=" + child.address() + " model=tiny"),
            HasSubstr(" parameters="), HasSubstr(" stored_type=f32 memory_type=f32 memory_bytes="),
            HasSubstr(" fingerprint="), HasSubstr(" simd="), HasSubstr(" threads=1"),
            HasSubstr(" kv_cache_tokens=1048576"), HasSubstr("grpcurl -plaintext -d '{"),
            HasSubstr(child.address() + " cascade.v1.TextGeneration/GenerateStream")));
}

TEST_F(ProcessTest, WarnsOfMoreThreadsThanCpusAndServesAllTheSame) {
  const std::string threads = absl::StrCat("--threads=", CpuLimit() + 1);
  Child child(folder_.path(), {threads, "--pin_threads"});
  child.WaitFor(HealthCheckResponse::SERVING);
  EXPECT_TRUE(GenerateStream(child.stub(), Request(3)).status.ok());
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(child.process().StandardError(),
              AllOf(HasSubstr("warning --threads is more than the CPUs"),
                    HasSubstr("warning --pin_threads: not all threads are tied")));
}

TEST_F(ProcessTest, ServesOnThreadsThatAreTied) {
  Child child(folder_.path(), {"--threads=auto", "--pin_threads"});
  child.WaitFor(HealthCheckResponse::SERVING);
  EXPECT_TRUE(GenerateStream(child.stub(), Request(3)).status.ok());
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(child.process().StandardError(), Not(HasSubstr("warning")));
}

TEST_F(ProcessTest, ASignalEndsItAtOnceWhileTheModelLoads) {
  // It waits for who writes its packed weights: for us.
  const std::string path = absl::StrCat(folder_.path(), "/model.auto.packed.tmp");
  const int writer = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(flock(writer, LOCK_EX), 0);
  for (const int signal : {SIGTERM, SIGINT}) {
    ServerProcess process({"--model=" + folder_.path(), "--listen=127.0.0.1:0",
                           "--packed_weights_cache=beside", "--model_name=model"});
    EXPECT_NE(process.Address(), "");
    process.Signal(signal);
    EXPECT_EQ(process.Wait(), 0);
    EXPECT_THAT(process.StandardError(), HasSubstr("info shut down while loading"));
  }
  close(writer);
}

TEST_F(ProcessTest, AFinishedRequestIsOneJsonLineWithoutItsText) {
  Child child(folder_.path(), {"--log_format=json"});
  child.WaitFor(HealthCheckResponse::SERVING);
  v1::GenerateRequest request = Request(3);
  request.set_request_id("mine");
  const std::string answer = GenerateStream(child.stub(), request).Answer().text();
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  int finished = 0;
  const std::string log = child.process().StandardError();
  for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    const nlohmann::json event = nlohmann::json::parse(line.begin(), line.end());
    if (event["message"] != "request finished") continue;
    ++finished;
    EXPECT_EQ(event["level"], "info");
    EXPECT_EQ(event["request_id"], "mine");
    EXPECT_EQ(event["prompt_tokens"], 4);
    EXPECT_EQ(event["generated_tokens"], 3);
    EXPECT_EQ(event["finish_reason"], "FINISH_REASON_MAX_TOKENS");
    EXPECT_TRUE(event["decode_ms"].is_number());
  }
  EXPECT_EQ(finished, 1);
  EXPECT_THAT(log, Not(HasSubstr(answer)));
}

TEST_F(ProcessTest, PromptsAreLoggedIfTheOperatorWantsIt) {
  for (const bool wanted : {false, true}) {
    Child child(folder_.path(), {absl::StrCat("--log_prompts=", wanted ? "true" : "false")});
    child.WaitFor(HealthCheckResponse::SERVING);
    v1::GenerateRequest request = Request(1);
    request.set_request_id("mine");
    request.set_text("a line\nand " + std::string(5000, 'x'));
    request.mutable_truncation();
    EXPECT_TRUE(GenerateStream(child.stub(), request).status.ok());
    child.process().Signal(SIGTERM);
    EXPECT_EQ(child.process().Wait(), 0);
    const std::string line = "info prompt request_id=mine caller=\"\" text=\"a line\\nand xxx";
    EXPECT_EQ(absl::StrContains(child.process().StandardError(), line), wanted);
    EXPECT_THAT(child.process().StandardError(), Not(HasSubstr(std::string(4096, 'x'))));
  }
}

TEST_F(ProcessTest, TheLogHasTheIdsThatTheCallerGoesBy) {
  Child child(folder_.path(), {"--log_level=debug"});
  child.WaitFor(HealthCheckResponse::SERVING);
  const auto call = [&child](const v1::GenerateRequest& request) {
    grpc::ClientContext context;
    context.AddMetadata("x-request-id", "a 1");
    context.AddMetadata("x-correlation-id", "b=2");
    context.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    v1::GenerateResponse response;
    return child.stub().Generate(&context, request, &response).ok();
  };
  v1::GenerateRequest named = Request(1);
  named.set_request_id("mine");
  EXPECT_TRUE(call(Request(1)));
  EXPECT_TRUE(call(named));
  EXPECT_FALSE(call(v1::GenerateRequest()));
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  const std::string log = child.process().StandardError();
  const std::string trace =
      R"(x_correlation_id="b=2" traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01)";
  EXPECT_THAT(
      log,
      HasSubstr("request finished method=cascade.v1.TextGeneration/Generate request_id=\"a 1\" " +
                trace));
  EXPECT_THAT(
      log, HasSubstr("request finished method=cascade.v1.TextGeneration/Generate request_id=mine "
                     "x_request_id=\"a 1\" " +
                     trace));
  EXPECT_THAT(
      log,
      HasSubstr("request refused method=cascade.v1.TextGeneration/Generate request_id=\"a 1\" " +
                trace));
}

TEST_F(ProcessTest, TheLogSaysWhoCalledWithoutAToken) {
  const std::string callers = folder_.path() + "/callers";
  std::ofstream(callers) << "nobody " << std::string(64, '0') << "\n";
  Child child(folder_.path(), {"--callers_file=" + callers});
  child.WaitFor(HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer not-a-token-that-is-known");
  v1::GetModelResponse model;
  EXPECT_EQ(child.stub().GetModel(&context, v1::GetModelRequest(), &model).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  const std::string log = child.process().StandardError();
  EXPECT_THAT(
      log,
      HasSubstr("caller refused method=cascade.v1.TextGeneration/GetModel peer=ipv4:127.0.0.1"));
  EXPECT_THAT(log, HasSubstr("code=UNAUTHENTICATED"));
  EXPECT_THAT(log, Not(HasSubstr("not-a-token-that-is-known")));
}

}  // namespace
}  // namespace cascade::server
