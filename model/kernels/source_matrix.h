// SPDX-License-Identifier: Apache-2.0
// A weight matrix as a weight file stores it: what packing reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/element_types.h"

namespace cascade::model::kernels {

// A dense matrix. Borrows its elements.
struct SourceMatrix {
  enum class Layout : std::uint8_t {
    kInOut,  // [n_in, n_out]: Hugging Face's Conv1D (c_attn, c_proj, c_fc)
    kOutIn,  // [n_out, n_in]: torch.nn.Embedding and torch.nn.Linear (wte, lm_head)
  };
  std::span<const std::byte> bytes;  // n_in * n_out elements, little-endian, any alignment
  ElementType type = ElementType::kF32;
  Layout layout = Layout::kInOut;
  std::size_t n_in = 0;
  std::size_t n_out = 0;
};

}  // namespace cascade::model::kernels
