// SPDX-License-Identifier: Apache-2.0

#include "tests/tools/bench/text_generation_fake.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace cascade::testing {

std::uint64_t TextGenerationFake::Enter(const v1::GenerateRequest& request) {
  const absl::MutexLock lock(&mutex_);
  const std::uint64_t index = requests_.size();
  requests_.push_back(request);
  const bool all_here = ++here_ == wait_for && most_at_once_ < wait_for;
  most_at_once_ = std::max(most_at_once_, here_);
  if (all_here) on_all_here();
  const auto met = [this]()
                       ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return most_at_once_ >= wait_for; };
  mutex_.Await(absl::Condition(&met));
  return index;
}

grpc::Status TextGenerationFake::GenerateStream(grpc::ServerContext* context,
                                                const v1::GenerateRequest* request,
                                                grpc::ServerWriter<v1::GenerateEvent>* writer) {
  grpc::Status status = refuse(Enter(*request));
  if (status.ok()) status = Answer(*context, *request, *writer);
  const absl::MutexLock lock(&mutex_);
  --here_;
  return status;
}

grpc::Status TextGenerationFake::Answer(const grpc::ServerContext& context,
                                        const v1::GenerateRequest& request,
                                        grpc::ServerWriter<v1::GenerateEvent>& writer) const {
  v1::GenerateEvent event;
  event.mutable_prompt()->set_prompt_tokens(
      static_cast<std::uint32_t>(request.token_ids().ids_size()));
  event.mutable_prompt()->set_cached_tokens(1);
  writer.Write(event);
  event.mutable_delta()->add_token_ids(7);
  const std::uint32_t tokens = request.stopping().max_new_tokens();
  for (std::uint32_t i = 0; i < tokens; ++i) writer.Write(event);
  while (endless && !context.IsCancelled()) writer.Write(event);
  if (endless) return {grpc::StatusCode::CANCELLED, "cancelled"};
  event.mutable_finish()->set_generated_tokens(tokens);
  writer.Write(event);
  event.mutable_summary()->mutable_usage()->set_generated_tokens(tokens + summary_adds);
  if (!leaves_summary_out) writer.Write(event);
  return grpc::Status::OK;
}

grpc::Status TextGenerationFake::GetModel(grpc::ServerContext* /*context*/,
                                          const v1::GetModelRequest* /*request*/,
                                          v1::GetModelResponse* response) {
  response->set_name("fake");
  response->mutable_architecture()->set_vocab_size(100);
  response->mutable_limits()->set_max_prompt_tokens(511);
  response->mutable_limits()->set_max_total_tokens(512);
  return grpc::Status::OK;
}

std::uint64_t TextGenerationFake::calls() const { return requests().size(); }

std::uint64_t TextGenerationFake::most_at_once() const {
  const absl::MutexLock lock(&mutex_);
  return most_at_once_;
}

std::vector<v1::GenerateRequest> TextGenerationFake::requests() const {
  const absl::MutexLock lock(&mutex_);
  return requests_;
}

FakeServer::FakeServer(TextGenerationFake& service) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(&service);
  server_ = builder.BuildAndStart();
}

std::string FakeServer::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::vector<std::unique_ptr<v1::TextGeneration::Stub>> FakeServer::Stubs(std::size_t count) const {
  std::vector<std::unique_ptr<v1::TextGeneration::Stub>> stubs;
  for (std::size_t i = 0; i < count; ++i) {
    stubs.push_back(v1::TextGeneration::NewStub(
        grpc::CreateChannel(address(), grpc::InsecureChannelCredentials())));
  }
  return stubs;
}

grpc::Status FullFor(absl::Duration delay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(delay)));
  google::rpc::Status details;
  EXPECT_TRUE(details.add_details()->PackFrom(retry));
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, "full", details.SerializeAsString()};
}

}  // namespace cascade::testing
