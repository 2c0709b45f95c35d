// The memory between the layers, sized once and used by every step.
#pragma once

#include <cstddef>

#include "model/config.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/matmul.h"
#include "model/mat_view.h"

namespace cascade::model {

// A matrix that owns its floats; rows are cache-line aligned.
class Tensor {
 public:
  Tensor() = default;
  Tensor(std::size_t rows, std::size_t cols);

  // The first `rows` rows.
  MatF Rows(std::size_t rows) { return MatF(data_.data(), rows, cols_, stride_); }

 private:
  kernels::AlignedBuffer<float> data_;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

// One user at a time.
struct LayerScratch {
  // For steps of at most `max_rows` rows on an executor that runs `concurrency` ranges at once.
  LayerScratch(const ModelConfig& config, std::size_t max_rows, std::size_t concurrency);

  Tensor normed;  // [max_rows, n_embd]
  Tensor qkv;     // [max_rows, 3 * n_embd]
  Tensor merged;  // [max_rows, n_embd]   the heads' outputs side by side
  Tensor inner;   // [max_rows, n_inner]
  kernels::MatMulScratch matmul;
};

}  // namespace cascade::model
