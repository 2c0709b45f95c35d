// SPDX-License-Identifier: Apache-2.0
// The subcommands' tests have a server of their own, over TCP.
#pragma once

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tools/cascade/command.h"
#include "tools/cascade/console.h"

namespace cascade::cli {

// Remembers what it was asked. Generates two deltas; with the prompt "wait", it then interrupts
// this process and goes on only when the call is cancelled.
class FakeService : public v1::TextGeneration::Service {
 public:
  grpc::Status GenerateStream(grpc::ServerContext* context, const v1::GenerateRequest* request,
                              grpc::ServerWriter<v1::GenerateEvent>* writer) override {
    generate_request = *request;
    deadline = context->deadline();
    if (request->text() == "refuse") return {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"};
    v1::GenerateEvent event;
    event.mutable_prompt();
    if (request->text().size() > 1000) event.mutable_prompt()->set_truncated_tokens(7);
    writer->Write(event);
    for (const char* text : {" a", " b"}) {
      event.mutable_delta()->set_text(text);
      writer->Write(event);
    }
    if (request->text() == "wait") {
      kill(getpid(), SIGINT);
      while (!context->IsCancelled()) writer->Write(event);
      return {grpc::StatusCode::CANCELLED, "cancelled"};
    }
    if (request->text() == "silence") {
      while (!context->IsCancelled()) std::this_thread::yield();
      return {grpc::StatusCode::CANCELLED, "cancelled"};
    }
    event.mutable_finish();
    if (request->text() != "no finish") writer->Write(event);
    event.mutable_summary();
    if (request->text() != "no summary") writer->Write(event);
    return grpc::Status::OK;
  }

  grpc::Status Embed(grpc::ServerContext*, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override {
    embed_request = *request;
    for (int i = 0; i < request->inputs_size(); ++i) {
      v1::Vector& vector = *response->add_embeddings()->add_vectors();
      vector.add_values(0.1F);
      vector.add_values(static_cast<float>(-i));
    }
    return grpc::Status::OK;
  }

  // The last continuation first.
  grpc::Status Score(grpc::ServerContext*, const v1::ScoreRequest* request,
                     grpc::ServerWriter<v1::ScoreEvent>* writer) override {
    score_request = *request;
    v1::ScoreEvent event;
    for (int i = request->items(0).continuations_size() - 1; i >= 0; --i) {
      event.mutable_score()->set_continuation(static_cast<std::uint32_t>(i));
      event.mutable_score()->set_logprob(-1.5 * i);
      event.mutable_score()->set_tokens(2);
      event.mutable_score()->set_is_greedy(i == 0);
      writer->Write(event);
    }
    event.mutable_summary();
    if (request->items(0).prompt().text() != "no summary") writer->Write(event);
    return grpc::Status::OK;
  }

  grpc::Status Tokenize(grpc::ServerContext*, const v1::TokenizeRequest* request,
                        v1::TokenizeResponse* response) override {
    tokenize_request = *request;
    response->add_token_ids(306);
    response->add_token_ids(7);
    if (request->pieces()) {
      response->add_pieces("Once");
      response->add_pieces("\xC3");
    }
    return grpc::Status::OK;
  }

  grpc::Status Detokenize(grpc::ServerContext*, const v1::DetokenizeRequest* request,
                          v1::DetokenizeResponse* response) override {
    detokenize_request = *request;
    response->set_text("\xEF\xBF\xBD");
    response->set_raw("\xC3");
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest*,
                        v1::GetModelResponse* response) override {
    response->set_name("tales");
    response->mutable_architecture()->set_n_layer(8);
    return grpc::Status::OK;
  }

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_running(3);
    response->mutable_kv_cache()->set_used(0.25F);
    response->mutable_kv_cache()->set_tokens(1000);
    return grpc::Status::OK;
  }

  // Knows the request "there" and no other.
  grpc::Status Abort(grpc::ServerContext*, const v1::AbortRequest* request,
                     v1::AbortResponse* response) override {
    for (const std::string& id : request->request_ids()) {
      if (id == "there") response->add_request_ids(id);
    }
    return grpc::Status::OK;
  }

  v1::GenerateRequest generate_request;
  std::chrono::system_clock::time_point deadline;  // of the last GenerateStream
  v1::EmbedRequest embed_request;
  v1::ScoreRequest score_request;
  v1::TokenizeRequest tokenize_request;
  v1::DetokenizeRequest detokenize_request;
};

class FakeHealth : public grpc::health::v1::Health::Service {
 public:
  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    response->set_status(request->service() == v1::TextGeneration::service_full_name()
                             ? grpc::health::v1::HealthCheckResponse::SERVING
                             : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
    return grpc::Status::OK;
  }
};

class CommandTest : public ::testing::Test {
 protected:
  // The server's threads, which live here and not in another process, must not be ended by Ctrl-C.
  CommandTest() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }

  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(port_, 0);
  }

  ExitCode Run(const std::unique_ptr<Command>& command, std::vector<std::string> args) {
    args.push_back(absl::StrCat("--server=127.0.0.1:", port_));
    return RunCommand(*command, args, console_);
  }

  std::istringstream in_{"from standard input"};
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{in_, out_, err_, false};
  FakeService service_;
  FakeHealth health_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cascade::cli
