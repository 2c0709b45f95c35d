// SPDX-License-Identifier: Apache-2.0
// What the reading and the writing of KV blocks share. Private to this room.
#pragma once

#include <cstddef>
#include <type_traits>

#include "model/kernels/element_types.h"
#include "model/kernels/float_rows.h"
#include "model/kernels/kv_block.h"

namespace cascade::model::kernels {

// The class of int8 beside those of float_rows.h.
struct Int8Rows {};

template <typename Rows>
constexpr bool kIsInt8 = std::is_same_v<Rows, Int8Rows>;

// Calls `body` with the class of `type`, and returns what it returns.
template <typename Body>
auto WithKvRows(KvType type, Body body) {
  switch (type) {
    case KvType::kBf16:
      return body(Bf16Rows());
    case KvType::kF16:
      return body(F16Rows());
    case KvType::kInt8:
      return body(Int8Rows());
    case KvType::kF32:
      break;
  }
  return body(F32Rows());
}

// Where the scale of position `slot` lies in a block of `head_dim` elements a position.
inline std::size_t ScaleAt(std::size_t head_dim, std::size_t slot) {
  return head_dim * kBlockPositions + slot * sizeof(float);
}

}  // namespace cascade::model::kernels
