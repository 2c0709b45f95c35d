// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

#include "model/kernels/reductions.h"
#include "model/sampling/argmax.h"
#include "model/sampling/philox.h"

namespace cascade::model {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// Copies `logits` to `out`, with -Inf for logits below the k-th largest.
// Reference: Hugging Face TopKLogitsWarper.
void KeepTopK(std::span<const float> logits, std::size_t k, std::vector<ScoredToken>& scratch,
              std::span<float> out) {
  float floor = kExcluded;
  if (k > 0 && k < logits.size()) {
    SelectBest(logits, k, scratch);
    if (scratch.size() == k) floor = scratch.back().score;
  }
  for (std::size_t id = 0; id < out.size(); ++id) {
    const float logit = logits[id];
    out[id] = logit;
    if (logit < floor) out[id] = kExcluded;
  }
}

// Positive floats fall into classes by their exponent and the first four bits of the mantissa; a
// higher class has larger numbers. Adding up classes finds the few tokens at the edge of top-p, and
// only these need sorting.
constexpr std::size_t kClasses = 4096;
std::size_t ClassOf(float positive) { return std::bit_cast<std::uint32_t>(positive) >> 19; }

// The class in which the sum of probabilities, from the largest down, reaches a mass, and the sum
// of all classes above it.
struct Boundary {
  std::size_t probability_class = 0;
  double sum_above = 0.0;
};

Boundary FindBoundary(std::span<const float> probabilities, double mass) {
  std::array<double, kClasses> sums{};
  for (const float p : probabilities) {
    if (p > 0.0F) sums[ClassOf(p)] += static_cast<double>(p);
  }
  Boundary boundary{.probability_class = kClasses - 1, .sum_above = 0.0};
  for (std::size_t& c = boundary.probability_class; c > 0; --c) {
    if (boundary.sum_above + sums[c] >= mass) break;
    boundary.sum_above += sums[c];
  }
  return boundary;
}

// Keeps the most probable tokens up to the one with which their sum reaches `top_p`. This is the
// same set as removing the least probable tokens whose sum is at most 1 - top_p. Sorts one class
// only. Reference: Hugging Face TopPLogitsWarper.
void KeepTopP(double top_p, std::vector<ScoredToken>& scratch, std::span<float> probabilities) {
  const Boundary boundary = FindBoundary(probabilities, top_p);
  scratch.clear();
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    const float p = probabilities[id];
    if (p > 0.0F && ClassOf(p) == boundary.probability_class) {
      scratch.push_back({static_cast<TokenId>(id), p});
    }
  }
  if (scratch.empty()) return;
  std::sort(scratch.begin(), scratch.end(), Better);

  double sum = boundary.sum_above;
  const auto reached = [&sum, top_p](const ScoredToken& token) {
    sum += static_cast<double>(token.score);
    return sum >= top_p;
  };
  const auto found = std::find_if(scratch.begin(), scratch.end(), reached);
  const auto last = found == scratch.end() ? std::prev(found) : found;
  for (float& p : probabilities) {
    if (p < last->score) p = 0.0F;
  }
  const auto worse = std::find_if(
      last, scratch.end(), [last](const ScoredToken& token) { return token.score < last->score; });
  for (const ScoredToken& tied : std::span(std::next(last), worse)) {
    probabilities[tied.token] = 0.0F;
  }
}

// Reference: Hugging Face MinPLogitsWarper.
void KeepMinP(double min_p, std::span<float> probabilities) {
  const double best = static_cast<double>(kernels::Max(probabilities));
  const double floor = min_p * best;
  for (float& p : probabilities) {
    if (static_cast<double>(p) < floor) p = 0.0F;
  }
}

void Normalize(std::span<float> probabilities) {
  double sum = 0.0;
  for (const float p : probabilities) {
    if (p > 0.0F) sum += static_cast<double>(p);  // each addition waits for the last: skip zeros
  }
  const double scale = 1.0 / sum;
  for (float& p : probabilities) p = static_cast<float>(static_cast<double>(p) * scale);
}

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
  return Draw(logits, UniformAt(params_.seed, choice_, position));
}

void Sampler::Probabilities(std::span<const float> logits, std::span<float> out) {
  assert(!params_.greedy() && !logits.empty() && out.size() == logits.size());
  KeepTopK(logits, params_.top_k, scratch_, out);
  kernels::Softmax(out, params_.temperature, out);
  const bool top_p = params_.top_p < 1.0F;
  const bool min_p = params_.min_p > 0.0F;
  if (top_p) KeepTopP(static_cast<double>(params_.top_p), scratch_, out);
  if (min_p) KeepMinP(static_cast<double>(params_.min_p), out);
  if (top_p || min_p) Normalize(out);
}

}  // namespace cascade::model
