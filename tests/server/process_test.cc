// SPDX-License-Identifier: Apache-2.0
// The real binary, from its command line to its exit status.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/cgroup.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/server/server_process.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::ReadAll;
using ::cascade::testing::Request;
using ::cascade::testing::ServerProcess;
using ::cascade::testing::Stream;
using ::cascade::testing::TempDir;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// A child that serves `folder` on a free port, and its client.
class Child {
 public:
  Child(const std::string& folder, const std::vector<std::string>& flags)
      : process_(Arguments(folder, flags)),
        address_(process_.Address()),
        channel_(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials())),
        stub_(v1::TextGeneration::NewStub(channel_)),
        health_(grpc::health::v1::Health::NewStub(channel_)),
        watch_(health_->Watch(&watch_context_, Readiness())) {}

  // Returns when health says `status`.
  void WaitFor(HealthCheckResponse::ServingStatus status) {
    HealthCheckResponse response;
    while (response.status() != status && watch_->Read(&response)) {
    }
    EXPECT_EQ(response.status(), status) << process_.StandardError();
  }

  ServerProcess& process() { return process_; }
  v1::TextGeneration::Stub& stub() { return *stub_; }
  const std::string& address() const { return address_; }

 private:
  static HealthCheckRequest Readiness() {
    HealthCheckRequest request;
    request.set_service(v1::TextGeneration::service_full_name());
    return request;
  }

  static std::vector<std::string> Arguments(const std::string& folder,
                                            const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"--model=" + folder, "--listen=127.0.0.1:0",
                                          "--kv_cache_bytes=64MiB"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }

  ServerProcess process_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
  grpc::ClientContext watch_context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> watch_;
};

// A call of which the first delta has been read.
class RunningCall {
 public:
  RunningCall(v1::TextGeneration::Stub& stub, const v1::GenerateRequest& request)
      : reader_(stub.GenerateStream(&context_, request)) {
    v1::GenerateEvent event;
    while (!event.has_delta() && reader_->Read(&event)) {
    }
    EXPECT_TRUE(event.has_delta());
  }

  Stream Rest() { return ReadAll(*reader_); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::GenerateEvent>> reader_;
};

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

TEST_F(ProcessTest, SigintEndsItTheSameWay) {
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  child.process().Signal(SIGINT);
  EXPECT_EQ(child.process().Wait(), 0);
}

TEST_F(ProcessTest, ARunningStreamFinishesAfterSigterm) {
  Child child(folder_.path(), {"--drain_seconds=600"});
  child.WaitFor(HealthCheckResponse::SERVING);
  RunningCall call(child.stub(), Request(3000));
  child.process().Signal(SIGTERM);
  child.WaitFor(HealthCheckResponse::NOT_SERVING);
  const Stream stream = call.Rest();
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  ASSERT_FALSE(stream.events.empty());
  EXPECT_EQ(stream.events.back().summary().usage().generated_tokens(), 3000U);
  EXPECT_EQ(child.process().Wait(), 0);
}

TEST_F(ProcessTest, AStreamThatDoesNotFinishInTimeEndsWithAStatus) {
  Child child(folder_.path(), {"--drain_seconds=0"});
  child.WaitFor(HealthCheckResponse::SERVING);
  RunningCall call(child.stub(), Request(kEndless));
  child.process().Signal(SIGTERM);
  EXPECT_EQ(call.Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(child.process().Wait(), 0);
}

TEST_F(ProcessTest, ASecondSignalEndsTheDrainAtOnce) {
  Child child(folder_.path(), {"--drain_seconds=600"});
  child.WaitFor(HealthCheckResponse::SERVING);
  RunningCall call(child.stub(), Request(kEndless));
  child.process().Signal(SIGTERM);
  child.WaitFor(HealthCheckResponse::NOT_SERVING);  // the first one has been taken
  child.process().Signal(SIGTERM);
  EXPECT_EQ(call.Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(child.process().Wait(), 0);
}

// Clients that ask for more than the server can do, one call after the other, until they are told
// that it shuts down. Counts what they were told.
class Crowd {
 public:
  Crowd(v1::TextGeneration::Stub& stub, int clients) {
    for (int i = 0; i < clients; ++i) {
      threads_.emplace_back([this, &stub] {
        while (Call(stub)) {
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
  bool Call(v1::TextGeneration::Stub& stub) {
    grpc::ClientContext context;
    const auto reader = stub.GenerateStream(&context, Request(kEndless));
    v1::GenerateEvent event;
    bool accepted = false;
    while (reader->Read(&event)) {
      if (!accepted && event.has_delta()) {
        accepted = true;
        ++started_;
        started_.notify_all();
      }
    }
    const grpc::Status status = reader->Finish();
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) return true;
    const bool has_status = status.ok() || status.error_message() == "the server is shutting down";
    if (accepted && !has_status) ++accepted_without_status_;
    return status.error_code() != grpc::StatusCode::UNAVAILABLE;
  }

  std::atomic<int> started_ = 0;
  std::atomic<int> accepted_without_status_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(ProcessTest, SigtermUnderFullLoadEndsEveryAcceptedCallWithAStatus) {
  Child child(folder_.path(), {"--max_running=4", "--max_queued=4", "--drain_seconds=1"});
  child.WaitFor(HealthCheckResponse::SERVING);
  Crowd crowd(child.stub(), 24);
  crowd.WaitForStarted(4);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  crowd.Join();
  EXPECT_EQ(crowd.accepted_without_status(), 0);
}

TEST_F(ProcessTest, ASecondSignalUnderFullLoadEndsThemAtOnce) {
  Child child(folder_.path(), {"--max_running=4", "--max_queued=4", "--drain_seconds=3600"});
  child.WaitFor(HealthCheckResponse::SERVING);
  Crowd crowd(child.stub(), 24);
  crowd.WaitForStarted(4);
  child.process().Signal(SIGTERM);
  child.WaitFor(HealthCheckResponse::NOT_SERVING);  // the first one has been taken
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  crowd.Join();
  EXPECT_EQ(crowd.accepted_without_status(), 0);
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

TEST_F(ProcessTest, ServesInt8) {
  Child child(folder_.path(), {"--weights=int8"});
  child.WaitFor(HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  v1::GetModelResponse model;
  ASSERT_TRUE(child.stub().GetModel(&context, v1::GetModelRequest(), &model).ok());
  EXPECT_EQ(model.weights().stored_type(), "f32");
  EXPECT_EQ(model.weights().memory_type(), "int8");
  EXPECT_THAT(model.fingerprint(), HasSubstr("-int8-n"));
  const Stream first = GenerateStream(child.stub(), Request(8));
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.Answer().text(), GenerateStream(child.stub(), Request(8)).Answer().text());
}

TEST_F(ProcessTest, Int8RefusesWeightsThatAreNotFinite) {
  folder_.SpoilWeights();
  ServerProcess process({"--model=" + folder_.path(), "--listen=127.0.0.1:0", "--weights=int8"});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.StandardError(), HasSubstr("int8 needs finite weights"));
}

TEST_F(ProcessTest, PackedWeightsAreMadeOnceAndReadFromThenOn) {
  const TempDir cache;
  const std::string path = cache.PathOf("tiny_.f16.packed");
  std::string answers;
  for (const std::string log :
       {"info packed weights made path=", "info packed weights read path="}) {
    Child child(folder_.path(),
                {"--packed_weights_cache=" + cache.path(), "--model_name=tiny/", "--weights=f16"});
    child.WaitFor(HealthCheckResponse::SERVING);
    answers += GenerateStream(child.stub(), Request(20)).Answer().text() + "|";
    child.process().Signal(SIGTERM);
    EXPECT_EQ(child.process().Wait(), 0);
    EXPECT_THAT(child.process().StandardError(), HasSubstr(log + path));
  }
  const std::size_t half = answers.size() / 2;
  EXPECT_EQ(answers.substr(0, half), answers.substr(half));
}

TEST_F(ProcessTest, NothingThatIsDoneToThePackedWeightsChangesAnAnswer) {
  for (const bool truncate : {false, true}) {
    const TempDir cache;
    Child child(folder_.path(), {"--packed_weights_cache=" + cache.path(), "--model_name=tiny"});
    child.WaitFor(HealthCheckResponse::SERVING);
    const std::string before = GenerateStream(child.stub(), Request(50)).Answer().text();
    const std::string path = cache.PathOf("tiny.auto.packed");
    const std::size_t size = std::filesystem::file_size(path);
    cache.WriteFile("tiny.auto.packed", std::string(truncate ? 0 : size, 'x'));
    const Stream after = GenerateStream(child.stub(), Request(50));
    EXPECT_TRUE(after.status.ok()) << after.status.error_message();
    EXPECT_EQ(after.Answer().text(), before);
    child.process().Signal(SIGTERM);
    EXPECT_EQ(child.process().Wait(), 0);
    EXPECT_THAT(child.process().StandardError(),
                AnyOf(HasSubstr("opened the packed weights' file for writing"),
                      HasSubstr("the system gives no lease")));
  }
}

TEST_F(ProcessTest, PackedWeightsThatCannotBeKeptAreAWarning) {
  Child child(folder_.path(), {"--packed_weights_cache=/does/not/exist"});
  child.WaitFor(HealthCheckResponse::SERVING);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(
      child.process().StandardError(),
      AllOf(HasSubstr("warning packed weights cannot be kept"), HasSubstr("/does/not/exist/")));
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

TEST_F(ProcessTest, WarnsOfWeightsThatAreNotNumbers) {
  folder_.SpoilWeights();
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  EXPECT_EQ(GenerateStream(child.stub(), Request(3)).status.error_code(),
            grpc::StatusCode::INTERNAL);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(child.process().StandardError(), HasSubstr("warning the weights contain NaN"));
}

TEST(CommandLineTest, HelpGoesToStdoutAndIsNoError) {
  ServerProcess process({"--help"});
  EXPECT_THAT(process.StandardOutput(), AllOf(HasSubstr("--model"), HasSubstr("--listen=")));
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(process.StandardError(), "");
}

TEST(CommandLineTest, TellsItsVersion) {
  ServerProcess process({"--version"});
  EXPECT_THAT(process.StandardOutput(), MatchesRegex("cascade-server [0-9.]+\n"));
  EXPECT_EQ(process.Wait(), 0);
}

TEST(CommandLineTest, WhatIsWrongIsOneLineAndOne) {
  const TempDir empty;
  const struct {
    std::vector<std::string> arguments;
    std::string message;
  } cases[] = {
      {{}, "--model is missing"},
      {{"--model=m", "--threads=0"}, "--threads=0"},
      {{"--model=m", "here"}, "unexpected argument 'here'"},
      {{"--model=m", "--listen=nowhere"}, "'nowhere' is not HOST:PORT"},
      {{"--model=/does/not/exist", "--listen=127.0.0.1:0", "--log_level=off"},
       "/does/not/exist/config.json"},
      {{"--model=" + empty.path(), "--listen=127.0.0.1:0", "--log_level=off"},
       empty.path() + "/config.json"},
  };
  for (const auto& c : cases) {
    ServerProcess process(c.arguments);
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_THAT(process.StandardError(),
                AllOf(HasSubstr(c.message), MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

TEST(CommandLineTest, UnknownFlagsAndNumbersThatAreNoneAreRefused) {
  for (const std::string flag : {"--colour=red", "--max_running=many"}) {
    ServerProcess process({"--model=m", flag});
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_THAT(process.StandardError(), HasSubstr(flag.substr(2, flag.find('=') - 2)));
  }
}

TEST_F(ProcessTest, ABrokenModelFolderIsNamed) {
  const struct {
    std::string file;
    std::string contents;
  } cases[] = {
      {"config.json", "{"},
      {"generation_config.json", "{\"temperature\": -1}"},
      {"vocab.json", "[]"},
      {"model.safetensors", "truncated"},
  };
  for (const auto& c : cases) {
    const ModelFolder folder;
    folder.Write(c.file, c.contents);
    ServerProcess process({"--model=" + folder.path(), "--listen=127.0.0.1:0", "--log_level=off"});
    EXPECT_EQ(process.Wait(), 1) << c.file;
    EXPECT_THAT(process.StandardError(), AllOf(HasSubstr(absl::StrCat(folder.path(), "/", c.file)),
                                               MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

}  // namespace
}  // namespace cascade::server
