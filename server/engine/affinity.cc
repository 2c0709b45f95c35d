// SPDX-License-Identifier: Apache-2.0

#include "server/engine/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <thread>

#include "absl/strings/str_cat.h"

namespace cascade::server {
namespace {

constexpr std::size_t kMostCpus = 8192;  // Linux' own limit

int SetCpus(pthread_t thread, const std::vector<int>& cpus) {
  std::vector<cpu_set_t> mask(kMostCpus / CPU_SETSIZE);
  const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), bytes, mask.data());
  return pthread_setaffinity_np(thread, bytes, mask.data());
}

}  // namespace

std::vector<int> AllowedCpus() {
  std::vector<cpu_set_t> mask(kMostCpus / CPU_SETSIZE);
  const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
  std::vector<int> cpus;
  if (sched_getaffinity(0, bytes, mask.data()) == 0) {
    for (int cpu = 0; cpu < static_cast<int>(kMostCpus); ++cpu) {
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, mask.data())) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) {  // the system does not say: all that there are
    cpus.resize(std::max(1U, std::thread::hardware_concurrency()));
    std::iota(cpus.begin(), cpus.end(), 0);
  }
  return cpus;
}

absl::Status PinThread(pthread_t thread, int cpu) {
  const int error = SetCpus(thread, {cpu});
  if (error == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot tie a thread to CPU ", cpu));
}

AffinityScope::AffinityScope(int cpu)
    : before_(AllowedCpus()), status_(PinThread(pthread_self(), cpu)) {}

AffinityScope::~AffinityScope() { SetCpus(pthread_self(), before_); }

}  // namespace cascade::server
