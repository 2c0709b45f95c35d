// SPDX-License-Identifier: Apache-2.0

#include "server/model_threads.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/cgroup.h"
#include "server/engine/affinity.h"
#include "server/engine/thread_pool.h"
#include "server/observability/logs.h"
#include "server/options.h"

namespace cascade::server {
namespace {

void WarnNotPinned(absl::string_view reason) {
  Log(LogLevel::kWarning, "--pin_threads: not all threads are tied to a CPU", {{"reason", reason}});
}

// Pins the threads of `pool`. The CPU for the worker's thread; none if pinning failed.
std::optional<int> Pin(ThreadPool& pool) {
  const std::vector<int> cpus = AllowedCpus();
  if (cpus.size() < pool.threads()) {
    WarnNotPinned(absl::StrCat(pool.threads(), " threads, ", cpus.size(), " CPUs"));
    return std::nullopt;
  }
  if (absl::Status status = pool.Pin(cpus); !status.ok()) {
    WarnNotPinned(status.message());
    return std::nullopt;
  }
  return cpus.front();
}

}  // namespace

ModelThreads StartModelThreads(const Options& options) {
  const std::size_t cpus = CpuLimit();
  const bool crowded = options.threads > cpus;
  if (crowded) {
    Log(LogLevel::kWarning, "--threads is more than the CPUs that this process may use: slower",
        {{"threads", options.threads}, {"cpus", cpus}});
  }
  auto pool = std::make_unique<ThreadPool>(options.threads,
                                           crowded ? WaitStrategy::kSleep : WaitStrategy::kSpin);
  ModelThreads threads;
  if (options.pin_threads) threads.worker_cpu = Pin(*pool);
  threads.executor = std::move(pool);
  return threads;
}

}  // namespace cascade::server
