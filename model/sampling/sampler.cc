#include "model/sampling/sampler.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <limits>

#include "model/kernels/reductions.h"
#include "model/sampling/argmax.h"
#include "model/sampling/philox.h"

namespace cascade::model {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// Puts `logits` into `out`, excluding what is below the k-th largest.
// Reference: Hugging Face TopKLogitsWarper.
void KeepTopK(std::span<const float> logits, std::size_t k, std::vector<ScoredToken>& scratch,
              std::span<float> out) {
  float floor = kExcluded;
  if (k > 0 && k < logits.size()) {
    SelectBest(logits, k, scratch);
    if (scratch.size() == k) floor = scratch.back().score;
  }
  std::transform(logits.begin(), logits.end(), out.begin(),
                 [floor](float logit) { return logit < floor ? kExcluded : logit; });
}

// Sorts `tokens`, best first, as far as is needed to find the first at which the probabilities,
// summed up in this order, reach `mass`; the last one if none does. Sorting pieces that double
// keeps the cost near that of a selection where a few tokens have most of the mass.
ScoredToken FindWhereMassIsReached(std::vector<ScoredToken>& tokens, double mass) {
  constexpr std::size_t kFirstPiece = 64;
  double sum = 0.0;
  std::size_t next = 0;
  for (std::size_t sorted = 0; sorted < tokens.size();) {
    sorted = std::min(std::max(kFirstPiece, 2 * sorted), tokens.size());
    const auto begin = tokens.begin() + static_cast<std::ptrdiff_t>(next);
    const auto end = tokens.begin() + static_cast<std::ptrdiff_t>(sorted);
    if (end != tokens.end()) std::nth_element(begin, end, tokens.end(), Better);
    std::sort(begin, end, Better);
    for (; next < sorted; ++next) {
      sum += static_cast<double>(tokens[next].score);
      if (sum >= mass) return tokens[next];
    }
  }
  return tokens.back();
}

// Keeps the most probable tokens up to the one that brings their sum to `top_p`: the same set as
// removing the improbable end whose sum is at most 1 - top_p.
// Reference: Hugging Face TopPLogitsWarper.
void KeepTopP(double top_p, std::vector<ScoredToken>& scratch, std::span<float> probabilities) {
  // Tokens below 1 / vocab_size of the removed mass cannot even together exceed it, so they need no
  // sorting. The half leaves room for rounding.
  const double floor = 0.5 * (1.0 - top_p) / static_cast<double>(probabilities.size());
  scratch.clear();
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    const float p = probabilities[id];
    if (static_cast<double>(p) > floor) scratch.push_back({static_cast<TokenId>(id), p});
  }
  if (scratch.empty()) return;
  const ScoredToken last = FindWhereMassIsReached(scratch, top_p);
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (Better(last, {static_cast<TokenId>(id), probabilities[id]})) probabilities[id] = 0.0F;
  }
}

// Reference: Hugging Face MinPLogitsWarper.
void KeepMinP(double min_p, std::span<float> probabilities) {
  const double best =
      static_cast<double>(*std::max_element(probabilities.begin(), probabilities.end()));
  const double floor = min_p * best;
  for (float& p : probabilities) {
    if (static_cast<double>(p) < floor) p = 0.0F;
  }
}

void Normalize(std::span<float> probabilities) {
  double sum = 0.0;
  for (const float p : probabilities) sum += static_cast<double>(p);
  for (float& p : probabilities) p = static_cast<float>(static_cast<double>(p) / sum);
}

// The first token at which the cumulative sum exceeds `uniform`; if rounding leaves the whole sum
// below it, the last token that has a probability.
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
