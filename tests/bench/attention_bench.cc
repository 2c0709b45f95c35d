// Attention at a depth of 512 positions, over all heads of gpt2-medium (24 blocks of 16, head size
// 64; 100 MB of keys and values), beside what the machine can do at best: one row, as in decoding,
// or the last 64 rows of a prompt in tiles of eight, as the layers have it.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/attention.h"
#include "model/kernels/simd_target.h"
#include "tests/bench/probes.h"

namespace cascade::bench {
namespace {

using model::ConstMatF;
using model::MatF;
namespace kernels = model::kernels;

constexpr std::size_t kDepth = 512;
constexpr std::size_t kHeadDim = 64;
constexpr std::size_t kTileRows = 8;
constexpr std::size_t kHeads = std::size_t{24} * 16;
constexpr std::size_t kBlocks = kDepth / kernels::kBlockPositions;
constexpr std::size_t kBlockFloats = kHeadDim * kernels::kBlockPositions;

void AttentionBench(benchmark::State& state, const std::string& target, std::size_t rows) {
  if (!kernels::SetSimdTarget(target).ok()) return state.SkipWithError("no such target");
  // As the cache has it: a block holds all heads' keys and values.
  kernels::AlignedBuffer<float> cache(kBlocks * kHeads * 2 * kBlockFloats);
  for (std::size_t i = 0; i < cache.size(); ++i) {
    cache.data()[i] = static_cast<float>(i * 37 % 101) * 0.01f - 0.5f;
  }
  std::vector<std::uint32_t> ids(kBlocks);
  std::iota(ids.begin(), ids.end(), 0u);
  const auto blocks = [&](std::size_t plane) {
    return kernels::HeadBlocks{.base = cache.data() + plane * kBlockFloats,
                               .ids = ids,
                               .stride = kHeads * 2 * kBlockFloats};
  };
  const std::vector<float> q(kTileRows * kHeadDim, 0.1f);
  std::vector<float> out(kTileRows * kHeadDim);
  std::vector<float> sums(kTileRows);
  kernels::AlignedBuffer<float> storage(kTileRows * kDepth);
  const auto attend = [&](std::size_t head, std::size_t start, std::size_t count) {
    const MatF scores(storage.data(), count, kDepth);
    const std::span<float> own_sums(sums.data(), count);
    kernels::AttentionScores(ConstMatF(q.data(), count, kHeadDim), blocks(2 * head), start, 0.125f,
                             scores);
    kernels::AttentionExp(start, scores, own_sums);
    kernels::AttentionValues(scores, blocks(2 * head + 1), start, own_sums,
                             MatF(out.data(), count, kHeadDim));
    benchmark::ClobberMemory();
  };

  model::InlineExecutor executor;
  const double products = static_cast<double>(rows * kDepth * kHeadDim * kHeads);
  const Work work{.operations = 4 * products, .bytes = std::as_bytes(cache.span())};
  MeasureBesideProbes(state, work, executor, [&] {
    for (std::size_t head = 0; head < kHeads; ++head) {
      for (std::size_t row = 0; row < rows; row += kTileRows) {
        attend(head, kDepth - rows + row, std::min(kTileRows, rows));
      }
    }
  });
}

void RegisterAll() {
  for (const std::string& target : kernels::SupportedSimdTargets()) {
    if (target == "scalar") continue;  // there to be right, not to be fast
    for (const std::size_t rows : {1u, 64u}) {
      const std::string name = absl::StrCat("Attention/", target, "/rows:", rows);
      benchmark::RegisterBenchmark(name.c_str(), AttentionBench, target, rows)
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  cascade::bench::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
