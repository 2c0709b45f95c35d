#include "tests/bench/probes.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

#include "benchmark/benchmark.h"
#include "model/kernels/highway_config.h"

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

// Processor time of this thread.
double Now() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double Seconds(absl::FunctionRef<void()> body) {
  const double begin = Now();
  body();
  return Now() - begin;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

double FmaPeak() {
  constexpr std::size_t kSteps = 400'000;  // about a millisecond
  float sink = 0.5f;
  double operations = 0;
  const double seconds = Seconds([&] { operations = HWY_DYNAMIC_DISPATCH(RunFma)(kSteps, sink); });
  benchmark::DoNotOptimize(sink);
  return operations / seconds;
}

double ReadBandwidth(std::span<const std::byte> bytes) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(bytes.data());
  const std::size_t count = bytes.size() / sizeof(std::uint32_t);
  std::uint32_t sum = 0;
  const double one = Seconds([&] { sum ^= HWY_DYNAMIC_DISPATCH(ReadOne)(words, count); });
  const double four = Seconds([&] { sum ^= HWY_DYNAMIC_DISPATCH(ReadFour)(words, count); });
  benchmark::DoNotOptimize(sum);
  return static_cast<double>(bytes.size()) / std::min(one, four);
}

void MeasureBesideProbes(benchmark::State& state, const Work& work,
                         absl::FunctionRef<void()> kernel) {
  const double size = static_cast<double>(work.bytes.size());
  std::vector<double> seconds;
  std::vector<double> of_peak;
  std::vector<double> of_read;
  kernel();
  while (state.KeepRunning()) {
    const double peak_before = FmaPeak();
    const double read_before = ReadBandwidth(work.bytes);
    seconds.push_back(Seconds(kernel));
    const double read = std::max(read_before, ReadBandwidth(work.bytes));
    const double peak = std::max(peak_before, FmaPeak());
    state.SetIterationTime(seconds.back());
    of_peak.push_back(100 * work.operations / seconds.back() / peak);
    of_read.push_back(100 * size / seconds.back() / read);
  }
  const double median = Median(seconds);
  state.counters["gflops"] = work.operations / median * 1e-9;
  state.counters["gbytes"] = size / median * 1e-9;
  state.counters["pct_peak"] = Median(of_peak);
  state.counters["pct_read"] = Median(of_read);
}

}  // namespace cascade::bench
#endif  // HWY_ONCE
