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

}  // namespace

Replicas::Replicas(std::vector<Replica> replicas, Choice choice)
    : choice_(choice), health_(replicas.size()) {
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
  const absl::Time now = absl::Now();
  std::stable_partition(order.begin(), order.end(), [this, now](std::size_t replica) {
    return health_[replica].avoid_until <= now;
  });
  return order;
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
