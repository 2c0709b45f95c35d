// SPDX-License-Identifier: Apache-2.0

#include "client/replicas.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/prefix_order.h"

namespace cascade::client {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(250);
constexpr std::size_t kMostDoublings = 5;

// How many calls a replica may have before the next in a prefix's order gets some of them
// (Mirrokni, Thorup and Zadimoghaddam 2016, "Consistent Hashing with Bounded Loads").
// clients/python has the same numbers (replicas.py).
//
// A quarter above the mean: the paper's c = 1 + epsilon. A c near 1 moves prompts away from their
// caches all the time; a large one lets a replica's queue grow.
constexpr std::size_t kMeanNumerator = 5;
constexpr std::size_t kMeanDenominator = 4;
// With few calls, the mean tells nothing: two prompts that begin alike would already be parted. By
// tools/simulation (100 replicas, zipf 1), a first token takes 13, 15, 21 and 32 ms at the 90th
// percentile with 4, 8, 16 and 32 here. With 1, it takes 28, since prompts leave their caches.
constexpr std::size_t kAlwaysAllowed = 8;

}  // namespace

Replicas::Replicas(std::vector<Replica> replicas, Choice choice)
    : choice_(choice), health_(replicas.size()), open_calls_(replicas.size()) {
  for (Replica& replica : replicas) {
    addresses_.push_back(std::move(replica.address));
    stubs_.push_back(v1::TextGeneration::NewStub(replica.channel));
  }
}

std::vector<std::size_t> Replicas::OrderFor(const v1::GenerateRequest& request) {
  std::vector<std::size_t> order;
  if (choice_ == Choice::kByPrefix) order = PrefixOrder(request, addresses_);
  const std::lock_guard lock(mu_);
  if (choice_ == Choice::kRoundRobin) {
    for (std::size_t i = 0; i < size(); ++i) order.push_back((turn_ + i) % size());
    ++turn_;
  }
  Arrange(order);
  return order;
}

Replicas::OpenCall Replicas::Begin(std::span<std::size_t> order) {
  const std::lock_guard lock(mu_);
  if (choice_ == Choice::kByPrefix) Arrange(order);
  ++open_calls_[order.front()];
  ++all_open_calls_;
  return {*this, order.front()};
}

void Replicas::OpenCall::End() {
  Replicas* const replicas = std::exchange(replicas_, nullptr);
  if (replicas == nullptr) return;
  const std::lock_guard lock(replicas->mu_);
  --replicas->open_calls_[replica_];
  --replicas->all_open_calls_;
}

void Replicas::Arrange(std::span<std::size_t> order) const {
  if (choice_ == Choice::kByPrefix) {
    const std::size_t most = MostOpenCalls();
    std::stable_partition(order.begin(), order.end(), [this, most](std::size_t replica) {
      return open_calls_[replica] < most;
    });
  }
  // Second, and so with more weight: a replica that is busy works.
  const absl::Time now = absl::Now();
  std::stable_partition(order.begin(), order.end(), [this, now](std::size_t replica) {
    return health_[replica].avoid_until <= now;
  });
}

// The call that is about to begin counts in the mean, as in the paper.
std::size_t Replicas::MostOpenCalls() const {
  const std::size_t denominator = kMeanDenominator * size();
  const std::size_t numerator = kMeanNumerator * (all_open_calls_ + 1);
  return std::max(kAlwaysAllowed, (numerator + denominator - 1) / denominator);
}

void Replicas::MarkFailed(std::size_t replica) {
  const std::lock_guard lock(mu_);
  Health& health = health_[replica];
  const std::size_t doublings = std::min(health.failures++, kMostDoublings);
  health.avoid_until = absl::Now() + kFirstPause * (1 << doublings);
}

void Replicas::MarkWorking(std::size_t replica) {
  const std::lock_guard lock(mu_);
  health_[replica] = {};
}

}  // namespace cascade::client
