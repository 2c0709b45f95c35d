// SPDX-License-Identifier: Apache-2.0
// The memory between two calls of the matrix product.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/kernels/aligned_buffer.h"
#include "model/kernels/rounded_rows.h"

namespace cascade::model::kernels {

// Memory that MatMul needs and the caller keeps between calls. It grows to the largest product seen
// so far; after that no call allocates. One user at a time.
struct MatMulScratch {
  AlignedBuffer<float> packed_rows;  // float32 activations
  // Rounded activations, their scales, offsets and outliers: rounded_rows.h
  AlignedBuffer<std::byte> rounded_rows;
  AlignedBuffer<float> row_scales;
  AlignedBuffer<std::int32_t> row_offsets;
  AlignedBuffer<Outlier> outliers;
  AlignedBuffer<std::uint32_t> outlier_counts;
};

}  // namespace cascade::model::kernels
