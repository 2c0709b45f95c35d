// SPDX-License-Identifier: Apache-2.0
// Which kernels multiply with a panel format. Private to this room.
#pragma once

#include <cstdint>

namespace cascade::model::kernels {

// A kernel family is one arithmetic of the matrix product, with its own job, register tile and
// epilogue. matmul.cc has one row for each family.
enum class KernelFamily : std::uint8_t {
  kFloatChains,  // float32 activations, one chain of fused multiply-adds an output: float_chains.h
  kIntegerDots,  // rounded activations, exact sums of integers over groups: integer_dots.h
};

}  // namespace cascade::model::kernels
