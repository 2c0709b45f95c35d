// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/sampler.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "model/kernels/reductions.h"
#include "model/sampling/argmax.h"
#include "model/sampling/distribution_cuts.h"
#include "model/sampling/philox.h"

namespace cascade::model {
namespace {

// The first token at which the cumulative sum exceeds `uniform`. Rounding may leave the whole sum
// below `uniform`: then the last token with a probability above 0.
TokenId Draw(std::span<const float> probabilities, double uniform) {
  double sum = 0.0;
  std::size_t last = 0;
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] <= 0.0F) continue;
    sum += static_cast<double>(probabilities[id]);
    last = id;
    if (sum > uniform) break;
  }
  return static_cast<TokenId>(last);
}

}  // namespace

TokenId Sampler::Sample(std::span<float> logits, std::uint64_t position) {
  if (params_.greedy()) return Argmax(logits);
  Probabilities(logits, logits);
  return Draw(logits, UniformAt(params_.seed, position));
}

TokenId Sampler::SampleAndCut(std::span<float> logits, std::uint64_t position) {
  if (params_.greedy()) return Argmax(logits);
  probabilities_.resize(logits.size());
  Probabilities(logits, probabilities_);
  const float max = kernels::Max(logits);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    // Softmax's own exponents: they cannot overflow, as logit / temperature can.
    logits[id] = probabilities_[id] > 0.0F ? (logits[id] - max) / params_.temperature
                                           : -std::numeric_limits<float>::infinity();
  }
  return Draw(probabilities_, UniformAt(params_.seed, position));
}

void Sampler::Probabilities(std::span<const float> logits, std::span<float> out) {
  assert(!params_.greedy() && !logits.empty() && out.size() == logits.size());
  float floor = TopKFloor(logits, params_.top_k, scratch_);
  if (params_.top_n_sigma > 0.0F) {
    floor = std::max(floor, SigmaFloor(logits, static_cast<double>(params_.top_n_sigma)));
  }
  KeepFrom(floor, logits, out);
  kernels::Softmax(out, params_.temperature, out);
  const bool top_p = params_.top_p < 1.0F;
  const bool min_p = params_.min_p > 0.0F;
  if (top_p) KeepTopP(static_cast<double>(params_.top_p), scratch_, out);
  if (min_p) KeepMinP(static_cast<double>(params_.min_p), out);
  if (top_p || min_p) Normalize(out);
  if (params_.typical_p < 1.0F) {
    KeepTypicalP(static_cast<double>(params_.typical_p), scratch_, distances_, out);
    Normalize(out);
  }
}

}  // namespace cascade::model
