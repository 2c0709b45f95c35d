// SPDX-License-Identifier: Apache-2.0
// A bidirectional stream of generations over a real socket. Its messages are reflection's, the
// standard service that has a method of this kind; its worker is the test.
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/duplex_stream.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/outbox.h"
#include "server/grpc/call/request_log.h"

namespace cascade::server {
namespace {

using grpc::reflection::v1::ServerReflection;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

// Events "text", then "." or the message of the failure; each with the request's id as its host.
class HostEncoder {
 public:
  using Event = ServerReflectionResponse;

  bool Encode(Answer& answer, Event& event) {
    if (complete_ || (!answer.HasDelta(0) && !answer.outcome())) return false;
    event.set_valid_host(answer.request_id());
    if (answer.HasDelta(0)) {
      Answer::Delta delta;
      answer.TakeDelta(0, delta);
      event.mutable_error_response()->set_error_message(delta.text);
      return true;
    }
    complete_ = true;
    event.mutable_error_response()->set_error_message(
        answer.outcome()->ok() ? "." : std::string(answer.outcome()->message()));
    return true;
  }

  bool complete() const { return complete_; }

 private:
  bool complete_ = false;
};

using Duplex = DuplexStream<HostEncoder, ServerReflectionRequest>;

// Generates as many letters as the request's symbol has, on a thread of its own; without a symbol
// the generation fails, without a host the call.
class Service final : public ServerReflection::CallbackService {
 public:
  ~Service() override {
    calls_.WaitUntilNone(absl::InfiniteDuration());
    for (std::thread& worker : workers_) worker.join();
  }

  grpc::ServerBidiReactor<ServerReflectionRequest, ServerReflectionResponse>* ServerReflectionInfo(
      grpc::CallbackServerContext* context) override {
    auto* call = new Duplex(
        MethodName{"test", "Duplex"}, /*max_generations=*/2,
        [this](Duplex& c, const ServerReflectionRequest& request) { return Start(c, request); },
        *context, environment_);
    call->Accept();
    return call;  // deletes itself
  }

  OpenCalls& calls() { return calls_; }

 private:
  absl::Status Start(Duplex& call, const ServerReflectionRequest& message) {
    if (message.host().empty()) return absl::InvalidArgumentError("there is no host");
    GenerationRequest request;
    request.id = message.host();
    Generation& generation =
        call.Add(Answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false), {}, HostEncoder());
    workers_.emplace_back([&generation, symbol = message.file_containing_symbol()] {
      for (const char letter : symbol) {
        generation.OnStep(0, {.token = model::GeneratedToken{.id = 1, .log_probs = std::nullopt},
                              .text = std::string(1, letter),
                              .finish = {}});
      }
      if (symbol.empty()) {
        generation.OnFailed(absl::InternalError("nothing to say"));
      } else {
        generation.OnFinished({});
      }
    });
    return absl::OkStatus();
  }

  OpenCalls calls_;
  Outbox outbox_;
  GenerationIndex index_;
  const RequestLog log_{/*prompts=*/false};
  const Authenticator everybody_{""};
  const CallEnvironment environment_ = {.outbox = outbox_,
                                        .calls = calls_,
                                        .generations = index_,
                                        .observer = log_,
                                        .authenticator = everybody_,
                                        .wake_worker = [] {},
                                        .retry_after = [] { return absl::Seconds(1); },
                                        .stalled_reader_limit = absl::InfiniteDuration()};
  std::vector<std::thread> workers_;  // the handler alone adds some: one stream at a time
};

class DuplexSocketTest : public ::testing::Test {
 protected:
  DuplexSocketTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = ServerReflection::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
    stream_ = stub_->ServerReflectionInfo(&context_);
  }

  ~DuplexSocketTest() override { server_->Shutdown(); }

  void Send(const std::string& host, const std::string& symbol) {
    ServerReflectionRequest request;
    request.set_host(host);
    if (!symbol.empty()) request.set_file_containing_symbol(symbol);
    EXPECT_TRUE(stream_->Write(request));
  }

  // All that comes until the stream's end, by host.
  std::map<std::string, std::string> ReadAll() {
    std::map<std::string, std::string> answers;
    ServerReflectionResponse response;
    while (stream_->Read(&response)) {
      answers[response.valid_host()] += response.error_response().error_message();
    }
    return answers;
  }

  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ServerReflection::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<ServerReflectionRequest, ServerReflectionResponse>>
      stream_;
};

TEST_F(DuplexSocketTest, AnswersManyRequestsOfWhichOneFails) {
  for (int i = 0; i < 20; ++i) Send(absl::StrCat("host", i), i == 7 ? "" : "abc");
  stream_->WritesDone();
  const std::map<std::string, std::string> answers = ReadAll();
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_EQ(answers.size(), 20U);
  for (const auto& [host, answer] : answers) {
    EXPECT_EQ(answer, host == "host7" ? "nothing to say" : "abc.") << host;
  }
}

TEST_F(DuplexSocketTest, ARequestThatCannotBeAnsweredEndsTheCall) {
  Send("", "abc");
  ReadAll();
  const grpc::Status status = stream_->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "there is no host");
}

TEST_F(DuplexSocketTest, ACancelledCallEnds) {
  Send("host", "abc");
  ServerReflectionResponse response;
  EXPECT_TRUE(stream_->Read(&response));
  context_.TryCancel();
  ReadAll();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(DuplexSocketTest, AnIdleCallIsToldThatTheServerShutsDown) {
  Send("host", "abc");
  ServerReflectionResponse response;
  do {
    EXPECT_TRUE(stream_->Read(&response));
  } while (response.error_response().error_message() != ".");
  service_.calls().EndIdle();
  std::atomic<bool> over = false;
  std::thread ticker([this, &over] {  // the call may become idle only now
    while (!over) service_.calls().Advance(absl::ZeroDuration());
  });
  ReadAll();
  const grpc::Status status = stream_->Finish();
  over = true;
  ticker.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the server is shutting down");
}

}  // namespace
}  // namespace cascade::server
