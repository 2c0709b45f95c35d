// SPDX-License-Identifier: Apache-2.0
// Attention at a depth of 512 positions, over all heads of gpt2-medium (24 blocks of 16, head size
// 64; 100 MB of float32 keys and values), on --threads=N threads, beside what as many threads can
// do at best, for every type of the cache: one row, as in decoding (--benchmark_filter=rows:1/),
// there at a depth of 1,000 positions too, or the last 240 rows of a prompt in tiles, as the layers
// have it.
#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/element_types.h"
#include "model/kernels/simd_target.h"
#include "model/layers/attention/output.h"
#include "model/layers/attention/scores.h"
#include "tests/bench/kernel_main.h"
#include "tests/bench/probes.h"

namespace cascade::bench {
namespace {

using model::ConstMatF;
using model::HeadIndex;
using model::MatF;
namespace kernels = model::kernels;

constexpr std::size_t kHeadDim = 64;
constexpr std::size_t kLayers = 24;
constexpr std::size_t kLayerHeads = 16;
constexpr std::size_t kHeads = kLayers * kLayerHeads;

// A cache full of random numbers, in one sequence.
class FullCache {
 public:
  FullCache(kernels::KvType type, std::size_t depth)
      : cache_(*model::KvCache::Create(Config(), model::KvCache::BlocksFor(depth), type)) {
    blocks_ = *cache_.TryAllocate(depth);
    std::minstd_rand random(1);
    std::uniform_real_distribution<float> uniform(-0.5F, 0.5F);
    std::vector<float> numbers(depth * kHeadDim);
    for (float& number : numbers) number = uniform(random);
    const ConstMatF rows(numbers.data(), depth, kHeadDim);
    for (std::size_t head = 0; head < kHeads; ++head)
      cache_.Write(blocks_, At(head), 0, rows, rows);
  }

  model::HeadKeysValues Read(std::size_t head) const { return cache_.Read(blocks_, At(head)); }

  std::span<const std::byte> bytes() const {
    return {Read(0).keys.base,
            cache_.num_blocks() * model::KvCache::BytesPerBlock(Config(), cache_.type())};
  }

 private:
  static model::ModelConfig Config() {
    model::ModelConfig config;
    config.n_layer = kLayers;
    config.n_head = kLayerHeads;
    config.n_embd = kLayerHeads * kHeadDim;
    return config;
  }

  static HeadIndex At(std::size_t head) {
    return {.layer = head / kLayerHeads, .head = head % kLayerHeads};
  }

  model::KvCache cache_;
  model::BlockTable blocks_;
};

// What one thread attends with.
class Attender {
 public:
  explicit Attender(std::size_t depth) : scores_(kernels::ScoreTile::Floats(depth)) {}

  // `rows` rows of head `head`, the first at position `start`.
  void Attend(const FullCache& cache, std::size_t head, std::size_t start, std::size_t rows) {
    const model::HeadKeysValues keys_values = cache.Read(head);
    const kernels::ScoreTile scores(scores_.data(), rows);
    model::AttentionScores(ConstMatF(q_.data(), rows, kHeadDim), keys_values, start, 0.125F,
                           scores);
    model::WeighValues(scores, keys_values, start, MatF(out_.data(), rows, kHeadDim));
    benchmark::ClobberMemory();
  }

 private:
  std::vector<float> q_ = std::vector<float>(kernels::kAttentionRows * kHeadDim, 0.1F);
  std::vector<float> out_ = std::vector<float>(kernels::kAttentionRows * kHeadDim);
  kernels::AlignedBuffer<float> scores_;
};

struct Case {
  kernels::KvType type;
  std::size_t rows;
  std::size_t depth;
};

void AttentionBench(benchmark::State& state, const std::string& target, const Case& what,
                    model::Executor& executor) {
  if (!kernels::SetSimdTarget(target).ok()) return state.SkipWithError("no such target");
  const FullCache cache(what.type, what.depth);
  std::vector<Attender> attenders;  // a range uses its first head's
  for (std::size_t i = 0; i < kLayerHeads; ++i) attenders.emplace_back(what.depth);
  // A row sees the positions up to its own.
  const std::size_t pairs = what.rows * what.depth - what.rows * (what.rows - 1) / 2;
  const double products = static_cast<double>(pairs * kHeadDim * kHeads);
  const Work work{.operations = 4 * products, .bytes = cache.bytes()};
  MeasureBesideProbes(state, work, executor, [&] {
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
      executor.ForRanges(kLayerHeads, 1, [&](model::IndexRange heads) {
        Attender& own = attenders[heads.begin];
        for (std::size_t head = heads.begin; head < heads.end; ++head) {
          for (std::size_t row = 0; row < what.rows; row += kernels::kAttentionRows) {
            own.Attend(cache, layer * kLayerHeads + head, what.depth - what.rows + row,
                       std::min(kernels::kAttentionRows, what.rows - row));
          }
        }
      });
    }
  });
}

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const kernels::KvType type : kernels::kKvTypes) {
    cases.push_back({type, 1, 512});
    cases.push_back({type, 1, 1000});
    cases.push_back({type, 240, 512});
  }
  return cases;
}

void RegisterAll(model::Executor& executor) {
  constexpr int kSamples = 15;
  for (const std::string& target : kernels::SupportedSimdTargets()) {
    if (target == "scalar") continue;  // there to be right, not to be fast
    for (const Case& what : AllCases()) {
      const std::string name = absl::StrCat("Attention/", target, "/", std::string(Name(what.type)),
                                            "/rows:", what.rows, "/depth:", what.depth);
      const auto run = [=, &executor](benchmark::State& state) {
        AttentionBench(state, target, what, executor);
      };
      benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Iterations(kSamples);
    }
  }
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  return cascade::bench::RunKernelBenchmarks(argc, argv, cascade::bench::RegisterAll);
}
