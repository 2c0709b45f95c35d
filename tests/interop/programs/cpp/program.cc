// SPDX-License-Identifier: Apache-2.0
// A client of Cascade in C++, with the synchronous API.
//
//   program ADDRESS SMALL CONFIG    SMALL is a server with places for two calls, CONFIG a service
//   config

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cascade/v1/text_generation.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace {

namespace pb = cascade::v1;
using grpc::StatusCode;
using Stub = pb::TextGeneration::Stub;

// A short answer, the same every time. Its quotation marks have three bytes each, which tokens
// split.
pb::GenerateRequest Saying() {
  pb::GenerateRequest request;
  request.set_text("The old king said:");
  request.mutable_sampling()->set_seed(7);
  request.mutable_stopping()->set_max_new_tokens(40);
  request.mutable_constraint()->set_regex("“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*");
  return request;
}

// Many answers: the server is far from their end when the call is cancelled, or when its deadline
// passes.
pb::GenerateRequest LongStory() {
  pb::GenerateRequest request;
  request.set_text("Once upon a time");
  request.mutable_sampling()->set_n(32);
  request.mutable_stopping()->set_max_new_tokens(500);
  request.mutable_stopping()->set_ignore_eos(true);
  return request;
}

void Expect(StatusCode code, const grpc::Status& status) {
  if (status.error_code() == code) return;
  throw std::runtime_error("status " + std::to_string(status.error_code()) + " instead of " +
                           std::to_string(code) + ": " + status.error_message());
}

void WatchHealth(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(pb::TextGeneration::service_full_name());
  const auto updates = stub->Watch(&context, request);
  grpc::health::v1::HealthCheckResponse update;
  while (update.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    if (!updates->Read(&update)) throw std::runtime_error("the watch ended before SERVING");
  }
  context.TryCancel();
  Expect(StatusCode::CANCELLED, updates->Finish());
  std::cout << "health: SERVING\n";
}

void Stream(Stub& stub) {
  std::string streamed;
  grpc::ClientContext context;
  const auto events = stub.GenerateStream(&context, Saying());
  for (pb::GenerateEvent event; events->Read(&event);) streamed += event.delta().text();
  Expect(StatusCode::OK, events->Finish());

  grpc::ClientContext unary_context;
  pb::GenerateResponse unary;
  Expect(StatusCode::OK, stub.Generate(&unary_context, Saying(), &unary));
  if (unary.choices(0).text() != streamed) {
    throw std::runtime_error("streamed " + streamed + ", but unary " + unary.choices(0).text());
  }
  std::cout << "text: " << streamed << '\n';
}

void Cancel(Stub& stub) {
  grpc::ClientContext context;
  const auto events = stub.GenerateStream(&context, LongStory());
  pb::GenerateEvent event;
  for (int deltas = 0; deltas < 3;) {
    if (!events->Read(&event)) throw std::runtime_error("the story ended");
    if (event.has_delta()) ++deltas;
  }
  context.TryCancel();
  while (events->Read(&event)) {  // what had come before
  }
  Expect(StatusCode::CANCELLED, events->Finish());

  pb::GetStatusResponse busy;
  do {
    grpc::ClientContext status_context;
    Expect(StatusCode::OK, stub.GetStatus(&status_context, pb::GetStatusRequest(), &busy));
  } while (busy.running() > 0);
  std::cout << "cancelled: after 3 deltas; the server runs nothing\n";
}

void MeetDeadline(Stub& stub) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(20));
  pb::GenerateResponse response;
  Expect(StatusCode::DEADLINE_EXCEEDED, stub.Generate(&context, LongStory(), &response));
  std::cout << "deadline: DEADLINE_EXCEEDED\n";
}

void BeRefused(Stub& stub) {
  pb::GenerateRequest request = Saying();
  request.mutable_sampling()->set_temperature(-1);
  request.mutable_sampling()->set_top_p(2);
  grpc::ClientContext context;
  pb::GenerateResponse response;
  const grpc::Status refusal = stub.Generate(&context, request, &response);
  Expect(StatusCode::INVALID_ARGUMENT, refusal);

  std::cout << "refused: INVALID_ARGUMENT";
  google::rpc::Status status;
  status.ParseFromString(refusal.error_details());
  for (const auto& detail : status.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations()) {
      std::cout << ' ' << violation.field();
    }
  }
  std::cout << '\n';
}

// Four calls at once: two are refused at first, and gRPC asks again as the config says.
void Retry(const std::string& small, const std::string& config) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(config);
  const auto stub = pb::TextGeneration::NewStub(
      grpc::CreateCustomChannel(small, grpc::InsecureChannelCredentials(), arguments));
  std::vector<std::future<grpc::Status>> calls;
  for (int call = 0; call < 4; ++call) {
    calls.push_back(std::async(std::launch::async, [&stub] {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      pb::GenerateResponse response;
      return stub->Generate(&context, Saying(), &response);
    }));
  }
  for (auto& call : calls) Expect(StatusCode::OK, call.get());
  std::cout << "retried: a server of 2 places has answered 4 calls\n";
}

void Run(const std::string& address, const std::string& small, const std::string& config_file) {
  std::ifstream file(config_file);
  const std::string config(std::istreambuf_iterator<char>(file), {});
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const auto stub = pb::TextGeneration::NewStub(channel);
  WatchHealth(channel);
  Stream(*stub);
  Cancel(*stub);
  MeetDeadline(*stub);
  BeRefused(*stub);
  Retry(small, config);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: program ADDRESS SMALL CONFIG\n";
    return 1;
  }
  try {
    Run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
