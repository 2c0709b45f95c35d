// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/probes.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <numeric>
#include <vector>

#include "benchmark/benchmark.h"
#include "model/kernels/highway_config.h"
#include "tests/bench/median.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/probes.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
namespace simd = model::kernels::HWY_NAMESPACE;

// Enough independent chains to hide the latency, few enough for the registers of AVX2.
constexpr std::size_t kFmaChains = 12;

// Runs `steps` steps of every chain; returns the operations done. `sink` keeps the result alive.
double RunFma(std::size_t steps, float& sink) {
  const simd::FloatTag d;
  simd::FloatVector chains[kFmaChains];
  CASCADE_UNROLL
  for (std::size_t i = 0; i < kFmaChains; ++i) chains[i] = hn::Set(d, static_cast<float>(i));
  const simd::FloatVector factor = hn::Set(d, sink);
  const simd::FloatVector addend = hn::Set(d, 1.0f);
  for (std::size_t step = 0; step < steps; ++step) {
    CASCADE_UNROLL
    for (std::size_t i = 0; i < kFmaChains; ++i) chains[i] = simd::Fma(chains[i], factor, addend);
  }
  for (std::size_t i = 1; i < kFmaChains; ++i) chains[0] = hn::Add(chains[0], chains[i]);
  sink = hn::GetLane(chains[0]);
  return 2.0 * static_cast<double>(steps * kFmaChains * simd::kLanes);
}

// Reads `count` words from each of kStreams places, `stride` words apart.
template <std::size_t kStreams>
std::uint32_t ReadStreams(const std::uint32_t* words, std::size_t count, std::size_t stride) {
  const hn::RebindToUnsigned<simd::FloatTag> d;
  constexpr std::size_t kLine = 16;
  hn::Vec<decltype(d)> sum = hn::Zero(d);
  for (std::size_t i = 0; i + kLine <= count; i += kLine) {
    CASCADE_UNROLL
    for (std::size_t s = 0; s < kStreams; ++s) {
      const std::uint32_t* line = words + s * stride + i;
      hwy::Prefetch(line + 32 * kLine);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kLine / simd::kLanes; ++v) {
        sum = hn::Xor(sum, hn::LoadU(d, line + v * simd::kLanes));
      }
    }
  }
  return hn::GetLane(sum);
}

std::uint32_t ReadOne(const std::uint32_t* words, std::size_t count) {
  return ReadStreams<1>(words, count, 0);
}

std::uint32_t ReadFour(const std::uint32_t* words, std::size_t count) {
  return ReadStreams<4>(words, count / 4, count / 4);
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::bench {

HWY_EXPORT(RunFma);
HWY_EXPORT(ReadOne);
HWY_EXPORT(ReadFour);

namespace {

double Now(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

using Words = std::span<const std::uint32_t>;

// The `part`-th of `parts` nearly equal shares of `words`, in whole cache lines.
Words Share(Words words, std::size_t part, std::size_t parts) {
  constexpr std::size_t kLine = 16;
  const std::size_t lines = words.size() / kLine;
  const std::size_t begin = lines * part / parts * kLine;
  return words.subspan(begin, lines * (part + 1) / parts * kLine - begin);
}

std::uint32_t ReadOneStream(Words words) {
  return HWY_DYNAMIC_DISPATCH(ReadOne)(words.data(), words.size());
}

std::uint32_t ReadFourStreams(Words words) {
  return HWY_DYNAMIC_DISPATCH(ReadFour)(words.data(), words.size());
}

// How many ranges it makes of many indices: one if it has one thread, else several for each thread.
std::size_t RangesOf(model::Executor& executor) {
  std::atomic<std::size_t> ranges = 0;
  executor.ForRanges(std::size_t{1} << 20, 1, [&](model::IndexRange) { ++ranges; });
  return ranges;
}

double SecondsToRead(Pieces pieces, model::Executor& executor,
                     absl::FunctionRef<std::uint32_t(Words)> read) {
  const std::size_t shares = RangesOf(executor);
  const auto read_shares = [&](model::IndexRange range) {
    for (std::size_t share = range.begin; share < range.end; ++share) {
      std::uint32_t sum = 0;
      for (const std::span<const std::byte> piece : pieces) {
        const auto* words = reinterpret_cast<const std::uint32_t*>(piece.data());
        sum ^= read(Share({words, piece.size() / sizeof(*words)}, share, shares));
      }
      benchmark::DoNotOptimize(sum);
    }
  };
  return ProbeSeconds(executor, [&] { executor.ForRanges(shares, 1, read_shares); });
}

}  // namespace

double FmaPeak(model::Executor& executor) {
  constexpr int kRuns = 3;
  constexpr std::size_t kSteps = 400'000;  // about a millisecond
  const std::size_t shares = RangesOf(executor);
  std::vector<double> operations(shares);
  const auto run = [&](model::IndexRange range) {
    for (std::size_t share = range.begin; share < range.end; ++share) {
      float sink = 0.5f;
      operations[share] = HWY_DYNAMIC_DISPATCH(RunFma)(kSteps, sink);
      benchmark::DoNotOptimize(sink);
    }
  };
  double best = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double seconds = ProbeSeconds(executor, [&] { executor.ForRanges(shares, 1, run); });
    best = std::max(best, std::accumulate(operations.begin(), operations.end(), 0.0) / seconds);
  }
  return best;
}

double ReadBandwidth(Pieces pieces, model::Executor& executor) {
  std::size_t bytes = 0;
  for (const std::span<const std::byte> piece : pieces) bytes += piece.size();
  const double one = SecondsToRead(pieces, executor, ReadOneStream);
  const double four = SecondsToRead(pieces, executor, ReadFourStreams);
  return static_cast<double>(bytes) / std::min(one, four);
}

double ProbeSeconds(model::Executor& executor, absl::FunctionRef<void()> body) {
  const clockid_t clock = RangesOf(executor) == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  const double begin = Now(clock);
  body();
  return Now(clock) - begin;
}

void MeasureBesideProbes(benchmark::State& state, const Work& work, model::Executor& executor,
                         absl::FunctionRef<void()> kernel) {
  constexpr double kLeastSeconds = 3e-3;
  const double size = static_cast<double>(work.bytes.size());
  const Pieces pieces(&work.bytes, 1);
  std::vector<double> seconds;
  std::vector<double> of_peak;
  std::vector<double> of_read;
  kernel();  // warm
  const double once = ProbeSeconds(executor, kernel);
  const auto runs = static_cast<std::size_t>(std::max(1.0, std::ceil(kLeastSeconds / once)));
  const auto run_all = [&] {
    for (std::size_t i = 0; i < runs; ++i) kernel();
  };
  while (state.KeepRunning()) {
    const double peak_before = FmaPeak(executor);
    const double read_before = ReadBandwidth(pieces, executor);
    seconds.push_back(ProbeSeconds(executor, run_all) / static_cast<double>(runs));
    const double read = std::max(read_before, ReadBandwidth(pieces, executor));
    const double peak = std::max(peak_before, FmaPeak(executor));
    state.SetIterationTime(seconds.back());
    of_peak.push_back(100 * work.operations / seconds.back() / peak);
    of_read.push_back(100 * size / seconds.back() / read);
  }
  const double median = Median(seconds);
  state.counters["ms"] = median * 1e3;
  state.counters["gflops"] = work.operations / median * 1e-9;
  state.counters["gbytes"] = size / median * 1e-9;
  state.counters["pct_peak"] = Median(of_peak);
  state.counters["pct_read"] = Median(of_read);
}

}  // namespace cascade::bench
#endif  // HWY_ONCE
