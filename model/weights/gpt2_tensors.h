// SPDX-License-Identifier: Apache-2.0
// The table of a GPT-2's tensors: what they are called, how large they are, and where they go.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model {

struct Gpt2Weights;  // of gpt2_weights.h

// One row of the table. The tensor is loaded into exactly one of `matrix` and `values`.
struct Gpt2Tensor {
  std::string name;                // Hugging Face's, without the prefix "transformer."
  std::vector<std::size_t> shape;  // as weight files have it
  bool is_vocabulary = false;      // an embedding or a head: [vocab_size, n_embd]
  kernels::PackedMatrix* matrix = nullptr;
  kernels::SourceMatrix::Layout layout = kernels::SourceMatrix::Layout::kInOut;  // of `matrix`
  std::vector<float>* values = nullptr;

  bool is_bias() const;
  std::size_t ElementCount() const;
  std::size_t n_in() const {
    return shape[layout == kernels::SourceMatrix::Layout::kInOut ? 0 : 1];
  }
  std::size_t n_out() const {
    return shape[layout == kernels::SourceMatrix::Layout::kInOut ? 1 : 0];
  }

  // The precision that this matrix gets when the model is loaded as `asked`: `asked` itself, except
  // that in an int4 model the embedding and the head are int8. They affect quality most and save
  // least.
  kernels::Precision PrecisionInMemory(const kernels::Precision& asked) const;

  // Bytes of the tensor in a model that is loaded as `asked`; vectors are floats.
  std::size_t BytesInMemory(const kernels::Precision& asked) const;

  // `bytes` of this tensor as a source to pack. REQUIRES: matrix != nullptr.
  kernels::SourceMatrix Source(std::span<const std::byte> bytes, kernels::ElementType type) const;
};

// All tensors of the model that `config` describes, in canonical order, which the fingerprint
// depends on: wte, wpe, the blocks, ln_f, and lm_head unless it is tied. Makes room for blocks and
// head in `weights`, which the rows then point into.
std::vector<Gpt2Tensor> Gpt2Tensors(const ModelConfig& config, Gpt2Weights& weights);

}  // namespace cascade::model
