// SPDX-License-Identifier: Apache-2.0
// What the reading and the writing of KV blocks share. Private to this room.
#pragma once

#include <cstddef>
#include <type_traits>

#include "model/kernels/element_types.h"
#include "model/kernels/float_rows.h"
#include "model/kernels/kv_block.h"
#include "model/kernels/panel.h"

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

// Where int8's bytes lie, and how many there are before the scales.
struct Int8Keys {
  static std::size_t At(std::size_t slot, std::size_t d, std::size_t /*head_dim*/) {
    return (d / 2 * kBlockPositions + slot) * 2 + d % 2;
  }
  static std::size_t Bytes(std::size_t head_dim) {
    return (head_dim + 1) / 2 * 2 * kBlockPositions;
  }
};
struct Int8Values {
  static std::size_t Columns(std::size_t head_dim) {
    return (head_dim + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
  }
  static std::size_t At(std::size_t slot, std::size_t d, std::size_t head_dim) {
    return (slot / 2 * Columns(head_dim) + d) * 2 + slot % 2;
  }
  static std::size_t Bytes(std::size_t head_dim) { return Columns(head_dim) * kBlockPositions; }
};

inline constexpr std::size_t kScaleBytes = kBlockPositions * sizeof(float);

}  // namespace cascade::model::kernels
