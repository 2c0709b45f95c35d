// SPDX-License-Identifier: Apache-2.0
// What one fork and join of the thread pool costs: ForRanges with next to nothing to do.
//
// The best of many batches counts: whatever else runs on the machine only adds to it. `pause_us` is
// what the caller does by itself before each call, as a step does between its products.
#include <algorithm>
#include <chrono>
#include <limits>

#include "benchmark/benchmark.h"
#include "server/engine/affinity.h"
#include "server/engine/thread_pool.h"

namespace cascade::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBatch = 100;

void BusyFor(std::chrono::microseconds time) {
  const Clock::time_point end = Clock::now() + time;
  while (Clock::now() < end) {
  }
}

void ForkAndJoin(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  const std::chrono::microseconds pause(state.range(1));
  ThreadPool pool(threads);
  double best_us = std::numeric_limits<double>::max();
  for (auto _ : state) {
    Clock::duration spent = Clock::duration::zero();
    for (int i = 0; i < kBatch; ++i) {
      BusyFor(pause);
      const Clock::time_point begin = Clock::now();
      pool.ForRanges(threads, 1,
                     [](model::IndexRange range) { benchmark::DoNotOptimize(range.begin); });
      spent += Clock::now() - begin;
    }
    best_us = std::min(best_us, std::chrono::duration<double, std::micro>(spent).count() / kBatch);
  }
  state.counters["us_per_call"] = best_us;
}

void Register() {
  auto* const cells = benchmark::RegisterBenchmark("fork_and_join", ForkAndJoin);
  cells->ArgNames({"threads", "pause_us"})->UseRealTime()->Unit(benchmark::kMillisecond);
  const auto most = static_cast<int>(AllowedCpus().size());
  for (int threads = 2; threads <= most; threads *= 2) {
    for (const int pause_us : {0, 5, 30, 200}) cells->Args({threads, pause_us});
  }
}

}  // namespace
}  // namespace cascade::server

int main(int argc, char** argv) {
  cascade::server::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
