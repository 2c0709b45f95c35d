// SPDX-License-Identifier: Apache-2.0
// What the benchmarks of kernels have in common: their main function and their table.
#pragma once

#include "absl/functional/function_ref.h"
#include "model/executor.h"

namespace cascade::bench {

// Registers benchmarks with Google Benchmark; they borrow the executor.
using RegisterBenchmarks = absl::FunctionRef<void(model::Executor&)>;

// Runs what `register_all` registers and prints a Markdown table of the counters that
// MeasureBesideProbes sets. Flags: --threads=N, and Google Benchmark's, of which --benchmark_filter
// chooses by name. Returns what main returns.
int RunKernelBenchmarks(int argc, char** argv, RegisterBenchmarks register_all);

}  // namespace cascade::bench
