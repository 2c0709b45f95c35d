// SPDX-License-Identifier: Apache-2.0
// How tokens are chosen.
#pragma once

#include <cstdint>

namespace cascade::model {

// Below this temperature decoding is greedy.
inline constexpr float kGreedyTemperature = 1e-6F;

// Every field's default is "off"; all together: sampling from the plain distribution.
struct SamplingParams {
  // Keep what is within this many standard deviations of the best logit, above 0; 0: off.
  float top_n_sigma = 0.0F;
  float temperature = 1.0F;  // >= 0; below kGreedyTemperature: argmax, and nothing else matters
  std::uint32_t top_k = 0;   // keep the k most probable; 0: off
  float top_p = 1.0F;        // keep the smallest set whose probability reaches p, in (0, 1]; 1: off
  float min_p = 0.0F;  // drop what is less probable than min_p times the best, in [0, 1]; 0: off
  float typical_p = 1.0F;  // keep the most typical tokens whose probability reaches p; 1: off
  std::uint64_t seed = 0;

  bool greedy() const { return temperature < kGreedyTemperature; }
};

}  // namespace cascade::model
