// What this machine can do at best, measured beside each kernel: a rate alone says nothing on a
// machine that is shared, clocked up and down, or simply another one.
#pragma once

#include <cstddef>
#include <span>

#include "absl/functional/function_ref.h"
#include "benchmark/benchmark.h"

namespace cascade::bench {

// Floating-point operations per second of one core with the SIMD target in use: independent fused
// multiply-adds that touch no memory, two operations a lane.
double FmaPeak();

// Bytes per second at which one core reads `bytes` from beginning to end and does nothing else: the
// faster of one stream and of four.
double ReadBandwidth(std::span<const std::byte> bytes);

// What one run of a kernel has to do at least.
struct Work {
  double operations = 0;
  std::span<const std::byte> bytes;  // read once
};

// Runs `kernel`, between two runs of each probe, as often as `state` says, and reports
//
//   gflops                 : operations per second / 1e9
//   gbytes                 : bytes per second / 1e9
//   pct_peak               : operations per second, in percent of FmaPeak()
//   pct_read               : bytes per second, in percent of ReadBandwidth(work.bytes)
//
// as medians over the runs; a percentage is of the better of the probes before and after its run.
// Times are the thread's own processor time: what others take from it does not count.
void MeasureBesideProbes(benchmark::State& state, const Work& work,
                         absl::FunctionRef<void()> kernel);

}  // namespace cascade::bench
