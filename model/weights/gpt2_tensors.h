// SPDX-License-Identifier: Apache-2.0
// The table of a GPT-2's tensors: what they are called, how large they are, and where they go.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/source_matrix.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// One row of the table. It goes to exactly one of `matrix` and `values`.
struct Gpt2Tensor {
  std::string name;                // Hugging Face's, without the prefix "transformer."
  std::vector<std::size_t> shape;  // as weight files have it
  kernels::PackedMatrix* matrix = nullptr;
  kernels::SourceMatrix::Layout layout = kernels::SourceMatrix::Layout::kInOut;  // of `matrix`
  std::vector<float>* values = nullptr;

  std::size_t ElementCount() const;
  std::size_t n_in() const {
    return shape[layout == kernels::SourceMatrix::Layout::kInOut ? 0 : 1];
  }
  std::size_t n_out() const {
    return shape[layout == kernels::SourceMatrix::Layout::kInOut ? 1 : 0];
  }

  // How the matrix lies in memory if the model's matrices are to be of type `asked`: so, but an
  // embedding and a head stay int8 beside int4. They decide the most, and gain the least.
  kernels::WeightType TypeInMemory(kernels::WeightType asked) const;

  // What it takes there, vectors as floats.
  std::size_t BytesInMemory(kernels::WeightType asked) const;

  // `bytes` of this tensor as a source to pack. REQUIRES: matrix != nullptr.
  kernels::SourceMatrix Source(std::span<const std::byte> bytes, kernels::ElementType type) const;
};

// All tensors of the model that `config` describes, in canonical order, which the fingerprint
// depends on: wte, wpe, the blocks, ln_f, and lm_head unless it is tied. Makes room for blocks and
// head in `weights`, which the rows then point into.
std::vector<Gpt2Tensor> Gpt2Tensors(const ModelConfig& config, Gpt2Weights& weights);

}  // namespace cascade::model
