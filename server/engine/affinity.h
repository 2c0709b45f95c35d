// SPDX-License-Identifier: Apache-2.0
// Threads and CPUs.
#pragma once

#include <pthread.h>

#include <vector>

#include "absl/status/status.h"

namespace cascade::server {

// The CPUs that the calling thread may run on, in ascending order; at least one. What taskset,
// Kubernetes' CPU manager or a cpuset gave the process; a quota does not show here.
std::vector<int> AllowedCpus();

// Ties a thread to one CPU. An error, naming the CPU, leaves it as it was.
absl::Status PinThread(pthread_t thread, int cpu);

// Ties the calling thread to one CPU for as long as it lives. Threads that are made meanwhile
// inherit that and keep it.
class AffinityScope {
 public:
  explicit AffinityScope(int cpu);
  ~AffinityScope();
  AffinityScope(const AffinityScope&) = delete;
  AffinityScope& operator=(const AffinityScope&) = delete;

  const absl::Status& status() const { return status_; }  // PinThread's

 private:
  const std::vector<int> before_;
  const absl::Status status_;
};

}  // namespace cascade::server
