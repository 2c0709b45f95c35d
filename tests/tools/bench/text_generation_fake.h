// SPDX-License-Identifier: Apache-2.0
// A server without a model, which answers as tests want.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"

namespace cascade::testing {

// Generates max_new_tokens tokens, one a message. Set what it is to do before the first call.
class TextGenerationFake : public v1::TextGeneration::Service {
 public:
  // The status that call number `index` (from 0) gets instead of an answer; OK for an answer.
  std::function<grpc::Status(std::uint64_t index)> refuse = [](std::uint64_t /*index*/) {
    return grpc::Status::OK;
  };
  std::function<void()> on_all_here = [] {};  // called once, when wait_for calls are here
  std::uint64_t wait_for = 0;      // no call is answered before there were so many at once
  bool endless = false;            // generates until it is cancelled
  std::uint32_t summary_adds = 0;  // to the tokens that came
  bool leaves_summary_out = false;

  grpc::Status GenerateStream(grpc::ServerContext* context, const v1::GenerateRequest* request,
                              grpc::ServerWriter<v1::GenerateEvent>* writer) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override;

  std::uint64_t calls() const;
  std::uint64_t most_at_once() const;
  std::vector<v1::GenerateRequest> requests() const;

 private:
  // Counts a call that begins, and waits for the others. Returns its number.
  std::uint64_t Enter(const v1::GenerateRequest& request);
  grpc::Status Answer(const grpc::ServerContext& context, const v1::GenerateRequest& request,
                      grpc::ServerWriter<v1::GenerateEvent>& writer) const;

  mutable absl::Mutex mutex_;
  std::vector<v1::GenerateRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t here_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t most_at_once_ ABSL_GUARDED_BY(mutex_) = 0;
};

// `service` on a loopback port. The service outlives it.
class FakeServer {
 public:
  explicit FakeServer(TextGenerationFake& service);

  std::string address() const;
  std::vector<std::unique_ptr<v1::TextGeneration::Stub>> Stubs(std::size_t count) const;

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// RESOURCE_EXHAUSTED with RetryInfo.
grpc::Status FullFor(absl::Duration delay);

}  // namespace cascade::testing
