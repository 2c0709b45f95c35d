// SPDX-License-Identifier: Apache-2.0

#include "server/listener/connection_limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace cascade::server {
namespace {

constexpr std::size_t kDescriptorsEach = 2;
constexpr std::size_t kOtherDescriptors = 64;  // a server with a model loaded has ten
constexpr std::size_t kMaxByDefault = 10'000;
constexpr std::uint64_t kBytesEach = 32 << 10;  // measured: 20 KiB, beside what the kernel holds
constexpr std::uint64_t kShareOfMemory = 8;

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t DescriptorLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

ConnectionLimits LimitsFor(const ListenOptions& options, std::size_t descriptors,
                           std::uint64_t memory) {
  const std::size_t possible =
      (std::max(descriptors, kOtherDescriptors) - kOtherDescriptors) / kDescriptorsEach;
  const std::size_t by_memory = memory / kShareOfMemory / kBytesEach;
  const std::size_t wanted = options.max_connections.value_or(std::min(kMaxByDefault, by_memory));
  ConnectionLimits limits;
  limits.total = std::max<std::size_t>(1, std::min(wanted, possible));
  limits.per_peer = std::max<std::size_t>(
      1, std::min(limits.total, options.max_connections_per_peer.value_or(limits.total / 2)));
  return limits;
}

}  // namespace cascade::server
