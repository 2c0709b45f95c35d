// SPDX-License-Identifier: Apache-2.0
// Tells whether the worker hangs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "server/engine/worker.h"

namespace cascade::server {

// The worker hangs if it is busy and its pulse has stood still for longer than `limit`. Logs once
// when a hang begins, with what was running, and once when it is over. One thread.
class WorkerWatch {
 public:
  struct Subject {
    std::function<Worker::Pulse()> pulse;   // Worker::pulse
    std::function<std::string()> describe;  // Worker::DescribeRunning
  };

  WorkerWatch(Subject subject, absl::Duration limit);

  // Looks at the worker, `passed` after the last look. True if the worker hangs.
  bool Look(absl::Duration passed);

 private:
  const Subject subject_;
  const absl::Duration limit_;
  std::uint64_t count_ = 0;
  absl::Duration still_;  // for how long the pulse has stood still
  bool hangs_ = false;
};

}  // namespace cascade::server
