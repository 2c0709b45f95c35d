// SPDX-License-Identifier: Apache-2.0
// A limit of so many tokens a minute.
#pragma once

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Fills evenly and holds a minute's tokens at most. How long an answer becomes is not known before:
// so a request starts if the bucket is not empty, and pays when it has ended, which may leave the
// bucket in debt. Any thread.
class TokenBucket {
 public:
  // `per_minute` > 0. Full at `now`; all times are of one clock that only runs forward.
  TokenBucket(double per_minute, absl::Time now)
      : per_minute_(per_minute), tokens_(per_minute), filled_(now) {}

  // How long until the bucket is not empty. Zero: it is not.
  absl::Duration Wait(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    Fill(now);
    if (tokens_ > 0) return absl::ZeroDuration();
    return absl::Minutes((1 - tokens_) / per_minute_);
  }

  void Pay(double tokens, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    Fill(now);
    tokens_ -= tokens;
  }

 private:
  void Fill(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const absl::Duration passed = std::max(now - filled_, absl::ZeroDuration());
    tokens_ = std::min(per_minute_, tokens_ + absl::ToDoubleMinutes(passed) * per_minute_);
    filled_ = std::max(now, filled_);
  }

  const double per_minute_;
  Mutex mu_;
  double tokens_ ABSL_GUARDED_BY(mu_);
  absl::Time filled_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
