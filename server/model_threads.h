// SPDX-License-Identifier: Apache-2.0
// The threads that run the model, as the flags want them.
#pragma once

#include <memory>
#include <optional>

#include "model/executor.h"
#include "server/options.h"

namespace cascade::server {

struct ModelThreads {
  std::unique_ptr<model::Executor> executor;  // never null
  std::optional<int> worker_cpu;              // the CPU for the thread that calls the executor
};

// Starts them. More threads than CPUs are a warning in the log: they compute the same, slower than
// fewer would, and they sleep rather than spin. CPUs that cannot be had for --pin_threads are a
// warning too: then some threads or all are not tied.
ModelThreads StartModelThreads(const Options& options);

}  // namespace cascade::server
