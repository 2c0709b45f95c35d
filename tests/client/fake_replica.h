// SPDX-License-Identifier: Apache-2.0
// A server whose answers are a function of the request and cost nothing, and whose streams break
// off where a test says.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cascade/v1/text_generation.grpc.pb.h"

namespace cascade::testing {

// How one stream ends.
struct Fate {
  std::size_t events = static_cast<std::size_t>(-1);  // that it brings before `status`
  grpc::Status status = {grpc::StatusCode::UNAVAILABLE, "broken off"};
  std::string pushback_ms = {};  // the trailer
  bool waits = false;            // until it is cancelled, once it has brought its events
};

// Gives every choice of every request some tokens, of which not all have text, with an end of its
// own. It resumes what it is asked to. All replicas answer alike.
class FakeReplica final : public v1::TextGeneration::Service {
 public:
  explicit FakeReplica(std::string fingerprint = "abcd");
  ~FakeReplica() override;

  grpc::Status GenerateStream(grpc::ServerContext* context, const v1::GenerateRequest* request,
                              grpc::ServerWriter<v1::GenerateEvent>* writer) override;

  // Of the next streams, in their order; those behind them are whole.
  void Plan(std::deque<Fate> fates);

  std::vector<v1::GenerateRequest> requests() const;  // that came
  std::size_t cancelled() const;                      // streams that waited until they were
  std::shared_ptr<grpc::Channel> NewChannel() const;
  const std::string& address() const { return address_; }

 private:
  const std::string fingerprint_;
  std::string address_;
  mutable std::mutex mu_;  // guards what follows
  std::deque<Fate> fates_;
  std::vector<v1::GenerateRequest> requests_;
  std::size_t cancelled_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// The events that a stream which nothing breaks brings for `request`.
std::vector<v1::GenerateEvent> FakeAnswer(const v1::GenerateRequest& request,
                                          const std::string& fingerprint);

}  // namespace cascade::testing
