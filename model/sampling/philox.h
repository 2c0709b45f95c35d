// SPDX-License-Identifier: Apache-2.0
// The counter-based random numbers of sampling.
#pragma once

#include <array>
#include <cstdint>

namespace cascade::model {

// Philox4x32-10: ten rounds on a 128-bit counter under a 64-bit key.
// Reference: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3" (Random123).
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

// A number in [0, 1) with 53 random bits: a pure function of its arguments, so the token at
// `position` is drawn with the same number whatever else was drawn before or beside it.
double UniformAt(std::uint64_t seed, std::uint64_t position);

}  // namespace cascade::model
