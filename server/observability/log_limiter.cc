// SPDX-License-Identifier: Apache-2.0

#include "server/observability/log_limiter.h"

#include <algorithm>
#include <utility>

namespace cascade::server {

std::optional<std::uint64_t> LogLimiter::Admit(absl::string_view kind, absl::Duration now) {
  const MutexLock lock(mu_);
  auto it = buckets_.find(kind);
  if (it == buckets_.end()) it = buckets_.emplace(kind, Bucket{.filled = now}).first;
  Bucket& bucket = it->second;
  const double earned = kEachSecond * absl::ToDoubleSeconds(now - bucket.filled);
  bucket.tokens = std::min(kBurst, bucket.tokens + earned);
  bucket.filled = now;
  if (bucket.tokens < 1) {
    ++bucket.left_out;
    return std::nullopt;
  }
  bucket.tokens -= 1;
  return std::exchange(bucket.left_out, 0);
}

}  // namespace cascade::server
