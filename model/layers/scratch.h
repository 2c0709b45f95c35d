// SPDX-License-Identifier: Apache-2.0
// The memory between the layers, sized once and used by every step.
#pragma once

#include <cassert>
#include <cstddef>

#include "model/config.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/matmul_scratch.h"
#include "model/mat_view.h"

namespace cascade::model {

// A matrix that owns its floats; rows are cache-line aligned.
class Tensor {
 public:
  Tensor() = default;
  Tensor(std::size_t rows, std::size_t cols);

  std::size_t rows() const { return rows_; }

  // The first `rows` rows. REQUIRES: rows <= rows().
  MatF Rows(std::size_t rows) {
    assert(rows <= rows_);
    return MatF(data_.data(), rows, cols_, stride_);
  }

 private:
  kernels::AlignedBuffer<float> data_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

// One user at a time.
struct LayerScratch {
  // For steps of at most `max_rows` rows.
  LayerScratch(const ModelConfig& config, std::size_t max_rows);

  Tensor normed;  // [max_rows, n_embd]
  Tensor qkv;     // [max_rows, 3 * n_embd]
  Tensor merged;  // [max_rows, n_embd]   the heads' outputs side by side
  Tensor inner;   // [max_rows, n_inner]
  Tensor scores;  // [n_head, kernels::ScoreTile::Floats(n_ctx)]
  kernels::MatMulScratch matmul;
};

}  // namespace cascade::model
