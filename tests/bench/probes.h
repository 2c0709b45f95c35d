// SPDX-License-Identifier: Apache-2.0
// What this machine can do at best, measured beside each kernel: a rate alone says nothing on a
// machine that is shared, clocked up and down, or simply another one.
//
// Both probes run on all threads of an executor, in the SIMD target in use. One thread is timed by
// its own processor time, so that what others take from it does not count; several by the wall.
#pragma once

#include <cstddef>
#include <span>

#include "absl/functional/function_ref.h"
#include "benchmark/benchmark.h"
#include "model/executor.h"

namespace cascade::bench {

// Memory to read, as an owner of several pieces has it.
using Pieces = std::span<const std::span<const std::byte>>;

// Floating-point operations per second: independent fused multiply-adds that touch no memory, two
// operations a lane. The best of a few runs of one millisecond, or of some with several threads.
double FmaPeak(model::Executor& executor);

// Bytes per second at which the threads read shares of every piece from beginning to end, several
// shares each, and do nothing else: the faster of one stream a thread and of four.
double ReadBandwidth(Pieces pieces, model::Executor& executor);

// Seconds that `body`, which runs on `executor`, takes, as the probes are timed.
double ProbeSeconds(model::Executor& executor, absl::FunctionRef<void()> body);

// What one run of a kernel has to do at least.
struct Work {
  double operations = 0;
  std::span<const std::byte> bytes;  // read once
};

// Runs `kernel`, which uses `executor`, between two runs of each probe, as often as `state` says,
// each time until a few milliseconds are over, and reports
//
//   ms                     : milliseconds of one run
//   gflops                 : operations per second / 1e9
//   gbytes                 : bytes per second / 1e9
//   pct_peak               : operations per second, in percent of FmaPeak()
//   pct_read               : bytes per second, in percent of ReadBandwidth(work.bytes)
//
// as medians; a percentage is of the better of the probes before and after.
void MeasureBesideProbes(benchmark::State& state, const Work& work, model::Executor& executor,
                         absl::FunctionRef<void()> kernel);

}  // namespace cascade::bench
