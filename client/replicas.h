// SPDX-License-Identifier: Apache-2.0
// The servers that can answer a request, and which of them to ask.
#pragma once

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
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
    kByPrefix,  // prompts that begin alike go to the same replica: PrefixOrder, with bounded loads
  };

  // A call that counts as open on its replica until End() or its destruction. It borrows the
  // Replicas, which must outlive it. Movable.
  class OpenCall {
   public:
    OpenCall(OpenCall&& other) noexcept
        : replicas_(std::exchange(other.replicas_, nullptr)), replica_(other.replica_) {}
    OpenCall& operator=(OpenCall&&) = delete;
    ~OpenCall() { End(); }

    std::size_t replica() const { return replica_; }
    void End();  // does nothing the second time

   private:
    friend class Replicas;
    OpenCall(Replicas& replicas, std::size_t replica) : replicas_(&replicas), replica_(replica) {}

    Replicas* replicas_;  // null: ended
    std::size_t replica_;
  };

  // REQUIRES: at least one.
  Replicas(std::vector<Replica> replicas, Choice choice);

  std::size_t size() const { return addresses_.size(); }
  const std::string& address(std::size_t replica) const { return addresses_[replica]; }
  v1::TextGeneration::Stub& stub(std::size_t replica) const { return *stubs_[replica]; }

  // All replicas, in the order in which `request` is to try them: those that failed lately are the
  // last, and by prefix, those that are busy (see Begin) come just before them.
  std::vector<std::size_t> OrderFor(const v1::GenerateRequest& request);

  // Begins a call to the first replica of `order`, which names some that are still to be tried.
  //
  // By prefix, `order` is first arranged anew, since calls and failures have come and gone since
  // OrderFor. A replica is busy if one more call would be more than max(8, 1.25 times the mean over
  // all replicas, rounded up), counting the calls of this object alone. Choice and count are one
  // step, so that threads that call at once do not all find the same replica idle.
  //
  // REQUIRES: `order` is not empty.
  OpenCall Begin(std::span<std::size_t> order);

  // A call to it failed because it could not be reached, or ended before its time: for a quarter of
  // a second, and with each failure in a row for twice as long, up to 8 s, others are asked first.
  void MarkFailed(std::size_t replica);
  void MarkWorking(std::size_t replica);

 private:
  struct Health {
    std::size_t failures = 0;  // in a row
    absl::Time avoid_until = absl::InfinitePast();
  };

  // REQUIRES: mu_ is held.
  void Arrange(std::span<std::size_t> order) const;
  std::size_t MostOpenCalls() const;

  const Choice choice_;
  std::vector<std::string> addresses_;
  std::vector<std::unique_ptr<v1::TextGeneration::Stub>> stubs_;
  // ThreadSanitizer cannot see into absl::Mutex, which is built without it. Guards what follows.
  std::mutex mu_;
  std::size_t turn_ = 0;
  std::vector<Health> health_;
  std::vector<std::size_t> open_calls_;  // of each replica
  std::size_t all_open_calls_ = 0;
};

}  // namespace cascade::client
