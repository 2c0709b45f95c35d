// SPDX-License-Identifier: Apache-2.0
// The threads that run the model, as --threads and --pin_threads ask for them.
#pragma once

#include <memory>
#include <optional>

#include "model/executor.h"

namespace cascade::server {

struct Options;

struct ModelThreads {
  std::unique_ptr<model::Executor> executor;  // never null
  std::optional<int> worker_cpu;              // the CPU for the thread that calls the executor
};

// Starts the threads. If there are more threads than CPUs, logs a warning: results are the same,
// but slower than with fewer threads, and waiting threads sleep rather than spin. If --pin_threads
// asks for more CPUs than there are, or pinning fails, logs a warning and leaves some or all of the
// threads unpinned.
ModelThreads StartModelThreads(const Options& options);

}  // namespace cascade::server
