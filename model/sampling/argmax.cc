#include "model/sampling/argmax.h"

#include <cassert>
#include <cmath>
#include <cstddef>

namespace cascade::model {

TokenId Argmax(std::span<const float> logits) {
  assert(!logits.empty());
  std::size_t best = 0;
  for (std::size_t id = 1; id < logits.size(); ++id) {
    if (logits[id] > logits[best] || std::isnan(logits[best])) best = id;
  }
  return std::isnan(logits[best]) ? 0 : static_cast<TokenId>(best);
}

}  // namespace cascade::model
