// SPDX-License-Identifier: Apache-2.0

#include "server/worker_watch.h"

#include <utility>

#include "server/observability/logs.h"

namespace cascade::server {

WorkerWatch::WorkerWatch(Subject subject, absl::Duration limit)
    : subject_(std::move(subject)), limit_(limit) {}

bool WorkerWatch::Look(absl::Duration passed) {
  const Worker::Pulse pulse = subject_.pulse();
  const bool beats = !pulse.busy || pulse.count != count_;
  count_ = pulse.count;
  still_ += passed;
  if (beats && hangs_) {
    Log(LogLevel::kWarning, "the worker goes on", {{"seconds", absl::ToDoubleSeconds(still_)}});
  }
  if (beats) {
    still_ = absl::ZeroDuration();
    hangs_ = false;
  } else if (still_ > limit_ && !hangs_) {
    hangs_ = true;
    Log(LogLevel::kError, "the worker hangs in a step",
        {{"seconds", absl::ToDoubleSeconds(still_)}, {"running", subject_.describe()}});
  }
  return hangs_;
}

}  // namespace cascade::server
