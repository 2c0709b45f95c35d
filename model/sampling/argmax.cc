// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/argmax.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "model/kernels/reductions.h"

namespace cascade::model {
namespace {

float MaxBesideNans(std::span<const float> logits) {
  float max = -std::numeric_limits<float>::infinity();
  for (const float logit : logits) max = logit > max ? logit : max;
  return max;
}

}  // namespace

TokenId Argmax(std::span<const float> logits) {
  assert(!logits.empty());
  float max = kernels::Max(logits);
  if (std::isnan(max)) max = MaxBesideNans(logits);
  const auto found = std::find(logits.begin(), logits.end(), max);
  return found == logits.end() ? 0 : static_cast<TokenId>(found - logits.begin());
}

}  // namespace cascade::model
