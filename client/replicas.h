// SPDX-License-Identifier: Apache-2.0
// The servers that can answer a request, and which of them to ask.
#pragma once

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"

namespace cascade::client {

// Servers of the same model, any of which can answer any request. Thread-safe.
class Replicas {
 public:
  struct Replica {
    std::string address;  // by which PrefixOrder knows it
    std::shared_ptr<grpc::Channel> channel;
  };

  enum class Choice : std::uint8_t {
    kRoundRobin,
    kByPrefix,  // prompts that begin alike go to the same replica: PrefixOrder
  };

  // REQUIRES: at least one.
  Replicas(std::vector<Replica> replicas, Choice choice);

  std::size_t size() const { return addresses_.size(); }
  const std::string& address(std::size_t replica) const { return addresses_[replica]; }
  v1::TextGeneration::Stub& stub(std::size_t replica) const { return *stubs_[replica]; }

  // All replicas, in the order in which `request` is to try them: those that failed lately are the
  // last.
  std::vector<std::size_t> OrderFor(const v1::GenerateRequest& request);

  // A call to it failed because it could not be reached, or ended before its time: for a quarter of
  // a second, and with each failure in a row for twice as long, up to 8 s, others are asked first.
  void MarkFailed(std::size_t replica);
  void MarkWorking(std::size_t replica);

 private:
  struct Health {
    std::size_t failures = 0;  // in a row
    absl::Time avoid_until = absl::InfinitePast();
  };

  const Choice choice_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<v1::TextGeneration::Stub>> stubs_;
  // ThreadSanitizer cannot see into absl::Mutex, which is built without it. Guards what follows.
  std::mutex mu_;
  std::size_t turn_ = 0;
  std::vector<Health> health_;
};

}  // namespace cascade::client
