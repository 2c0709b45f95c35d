// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/distribution_cuts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>

#include "model/kernels/logarithm.h"
#include "model/kernels/reductions.h"
#include "model/token.h"

namespace cascade::model {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// Floats from 0 up fall into classes by their exponent and the first four bits of the mantissa; a
// higher class has larger numbers. Adding up the probabilities of classes finds the few tokens at
// the edge of a mass, and only these need sorting.
constexpr std::size_t kClasses = 4096;
std::size_t ClassOf(float number) { return std::bit_cast<std::uint32_t>(number) >> 19; }
using ClassSums = std::array<double, kClasses>;

// The class in which the sum of probabilities reaches a mass, and the sum of all classes before it.
struct Boundary {
  std::size_t number_class = 0;
  double sum_before = 0.0;
};

// From the largest numbers down.
Boundary FindBoundaryFromAbove(const ClassSums& sums, double mass) {
  Boundary boundary{.number_class = kClasses - 1, .sum_before = 0.0};
  for (std::size_t& c = boundary.number_class; c > 0; --c) {
    if (boundary.sum_before + sums[c] >= mass) break;
    boundary.sum_before += sums[c];
  }
  return boundary;
}

// From the smallest numbers up.
Boundary FindBoundaryFromBelow(const ClassSums& sums, double mass) {
  Boundary boundary;
  for (std::size_t& c = boundary.number_class; c + 1 < kClasses; ++c) {
    if (boundary.sum_before + sums[c] >= mass) break;
    boundary.sum_before += sums[c];
  }
  return boundary;
}

// How far each token's surprise, -log p, is from the distribution's mean surprise, its entropy.
// [vocab_size]; 0 where p is 0.
void DistancesFromEntropy(std::span<const float> probabilities, std::vector<float>& distances) {
  distances.assign(probabilities.size(), 0.0F);
  double entropy = 0.0;
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] <= 0.0F) continue;
    const double p = static_cast<double>(probabilities[id]);
    const double surprise = -kernels::Log(p);
    distances[id] = static_cast<float>(surprise);
    entropy += p * surprise;
  }
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] <= 0.0F) continue;
    distances[id] = static_cast<float>(std::abs(static_cast<double>(distances[id]) - entropy));
  }
}

}  // namespace

float SigmaFloor(std::span<const float> logits, double n) {
  double count = 0.0;
  double sum = 0.0;
  for (const float logit : logits) {
    if (logit == kExcluded) continue;
    sum += static_cast<double>(logit);
    ++count;
  }
  const double mean = sum / count;
  double squares = 0.0;
  for (const float logit : logits) {
    if (logit == kExcluded) continue;
    const double deviation = static_cast<double>(logit) - mean;
    squares += deviation * deviation;
  }
  const double floor = static_cast<double>(kernels::Max(logits)) - n * std::sqrt(squares / count);
  return static_cast<float>(floor);
}

float TopKFloor(std::span<const float> logits, std::size_t k, std::vector<ScoredToken>& scratch) {
  if (k == 0 || k >= logits.size()) return kExcluded;
  SelectBest(logits, k, scratch);
  return scratch.size() == k ? scratch.back().score : kExcluded;
}

void KeepFrom(float floor, std::span<const float> logits, std::span<float> out) {
  for (std::size_t id = 0; id < out.size(); ++id) {
    const float logit = logits[id];
    out[id] = logit;
    if (logit < floor) out[id] = kExcluded;
  }
}

void KeepTopP(double top_p, std::vector<ScoredToken>& scratch, std::span<float> probabilities) {
  ClassSums sums{};
  for (const float p : probabilities) {
    if (p > 0.0F) sums[ClassOf(p)] += static_cast<double>(p);
  }
  const Boundary boundary = FindBoundaryFromAbove(sums, top_p);
  scratch.clear();
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    const float p = probabilities[id];
    if (p > 0.0F && ClassOf(p) == boundary.number_class) {
      scratch.push_back({static_cast<TokenId>(id), p});
    }
  }
  if (scratch.empty()) return;
  std::sort(scratch.begin(), scratch.end(), Better);

  double sum = boundary.sum_before;
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

void KeepMinP(double min_p, std::span<float> probabilities) {
  const double best = static_cast<double>(kernels::Max(probabilities));
  const double floor = min_p * best;
  for (float& p : probabilities) {
    if (static_cast<double>(p) < floor) p = 0.0F;
  }
}

void KeepTypicalP(double mass, std::vector<ScoredToken>& scratch, std::vector<float>& distances,
                  std::span<float> probabilities) {
  DistancesFromEntropy(probabilities, distances);
  ClassSums sums{};
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] > 0.0F) {
      sums[ClassOf(distances[id])] += static_cast<double>(probabilities[id]);
    }
  }
  const Boundary boundary = FindBoundaryFromBelow(sums, mass);
  scratch.clear();
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] > 0.0F && ClassOf(distances[id]) == boundary.number_class) {
      scratch.push_back({static_cast<TokenId>(id), -distances[id]});
    }
  }
  if (scratch.empty()) return;  // rounding left the whole sum below `mass`: all are kept
  std::sort(scratch.begin(), scratch.end(), Better);

  double sum = boundary.sum_before;
  const auto reached = [&sum, mass, probabilities](const ScoredToken& token) {
    sum += static_cast<double>(probabilities[token.token]);
    return sum >= mass;
  };
  const auto found = std::find_if(scratch.begin(), scratch.end(), reached);
  const auto last = found == scratch.end() ? std::prev(found) : found;
  for (std::size_t id = 0; id < probabilities.size(); ++id) {
    if (distances[id] > -last->score) probabilities[id] = 0.0F;
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

}  // namespace cascade::model
