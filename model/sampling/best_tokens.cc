// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/best_tokens.h"

#include <algorithm>
#include <limits>

namespace cascade::model {
namespace {

// Keeps the `count` best of `tokens`, the worst of them last. REQUIRES: 0 < count <= tokens.size().
void ShrinkToBest(std::vector<ScoredToken>& tokens, std::size_t count) {
  const auto worst = tokens.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  std::nth_element(tokens.begin(), worst, tokens.end(), Better);
  tokens.resize(count);
}

}  // namespace

void SelectBest(std::span<const float> scores, std::size_t count, std::vector<ScoredToken>& best) {
  best.clear();
  count = std::min(count, scores.size());
  if (count == 0) return;
  best.reserve(2 * count);

  // A score that is not above the count-th best so far cannot be among the best: with an equal
  // score it has a higher id. The buffer is cut back only when it has 2 * count tokens, so that the
  // cost of each selection is shared by `count` pushes.
  float bar = -std::numeric_limits<float>::infinity();
  for (std::size_t id = 0; id < scores.size(); ++id) {
    if (!(scores[id] > bar)) continue;
    best.push_back({static_cast<TokenId>(id), scores[id]});
    if (best.size() < 2 * count) continue;
    ShrinkToBest(best, count);
    bar = best.back().score;
  }
  if (!best.empty()) ShrinkToBest(best, std::min(count, best.size()));
}

}  // namespace cascade::model
