// SPDX-License-Identifier: Apache-2.0

#include "tests/support/random_weights.h"

#include <cmath>
#include <span>
#include <vector>

#include "absl/strings/match.h"
#include "model/weights/gpt2_tensors.h"

namespace cascade::testing {
namespace {

using model::Gpt2Tensor;

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
constexpr std::size_t kGrain = std::size_t{1} << 16;

// SplitMix64's output function: its `counter`-th number, by index.
std::uint64_t Mix(std::uint64_t seed, std::uint64_t counter) {
  std::uint64_t z = seed + (counter + 1) * kGolden;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

// Four uniform 16-bit numbers summed: mean 0, deviation 1, within 3.5. Near enough to normal for
// weights, and a handful of instructions.
float AboutNormal(std::uint64_t bits) {
  const std::uint64_t sum =
      (bits & 0xFFFFU) + ((bits >> 16) & 0xFFFFU) + ((bits >> 32) & 0xFFFFU) + (bits >> 48);
  constexpr float kMean = 4.0F * 65535.0F / 2.0F;
  constexpr float kDeviation = 65536.0F * 0.57735027F;  // sqrt(4 / 12)
  return (static_cast<float>(sum) - kMean) / kDeviation;
}

// How the values of one tensor are spread.
struct Spread {
  float mean = 0.0F;
  float deviation = 0.02F;
};

Spread SpreadOf(const Gpt2Tensor& tensor, const model::ModelConfig& config) {
  Spread spread;
  if (absl::EndsWith(tensor.name, "c_proj.weight")) {
    spread.deviation /= std::sqrt(2.0F * static_cast<float>(config.n_layer));
  }
  const bool is_gamma =
      absl::StrContains(tensor.name, "ln_") && absl::EndsWith(tensor.name, "weight");
  if (is_gamma) spread.mean = 1.0F;
  return spread;
}

std::vector<float> RandomValues(std::size_t count, Spread spread, std::uint64_t seed,
                                model::Executor& executor) {
  std::vector<float> values(count);
  executor.ForRanges(count, kGrain, [&](model::IndexRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      values[i] = spread.mean + spread.deviation * AboutNormal(Mix(seed, i));
    }
  });
  return values;
}

}  // namespace

model::Gpt2Weights RandomGpt2Weights(const model::ModelConfig& config,
                                     const model::kernels::Precision& precision, std::uint64_t seed,
                                     model::Executor& executor) {
  model::Gpt2Weights weights;
  std::uint64_t index = 0;
  for (const Gpt2Tensor& tensor : model::Gpt2Tensors(config, weights)) {
    const std::uint64_t tensor_seed = Mix(seed, index++);
    std::vector<float> values =
        RandomValues(tensor.ElementCount(), SpreadOf(tensor, config), tensor_seed, executor);
    if (tensor.matrix == nullptr) {
      *tensor.values = std::move(values);
      continue;
    }
    const auto source =
        tensor.Source(std::as_bytes(std::span(values)), model::kernels::ElementType::kF32);
    *tensor.matrix =
        model::kernels::PackedMatrix::Pack(source, tensor.PrecisionInMemory(precision), executor);
  }
  return weights;
}

}  // namespace cascade::testing
