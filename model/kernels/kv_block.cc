// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/kv_block.h"

#include "model/kernels/highway_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/kv_block.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/kv_block_write-inl.h"

#if HWY_ONCE

#include <cstdint>
#include <cstring>

#include "model/kernels/float_rows.h"
#include "model/kernels/kv_block_rows.h"

namespace cascade::model::kernels {

HWY_EXPORT(WriteKeysHere);
HWY_EXPORT(WriteValuesHere);

namespace {

// Bytes of `rows` rows of `columns` elements, and of the scales.
template <typename Rows>
std::size_t Bytes(std::size_t rows, std::size_t columns) {
  if constexpr (kIsInt8<Rows>) {
    return rows * columns + kBlockPositions * sizeof(float);
  } else {
    return RowsBytes<Rows>(rows, columns);
  }
}

void LoadInt8(const std::byte* block, std::size_t slot, std::size_t first, std::size_t step,
              std::span<float> numbers) {
  float scale = 0.0f;
  std::memcpy(&scale, block + ScaleAt(numbers.size(), slot), sizeof(scale));
  for (std::size_t d = 0; d < numbers.size(); ++d) {
    numbers[d] = static_cast<float>(std::to_integer<std::int8_t>(block[first + d * step])) * scale;
  }
}

}  // namespace

std::size_t KeyBytes(KvType type, std::size_t head_dim) {
  return WithKvRows(type,
                    [&]<typename Rows>(Rows) { return Bytes<Rows>(head_dim, kBlockPositions); });
}

std::size_t ValueBytes(KvType type, std::size_t head_dim) {
  return WithKvRows(type,
                    [&]<typename Rows>(Rows) { return Bytes<Rows>(kBlockPositions, head_dim); });
}

void WriteKeys(KvType type, ConstMatF keys, std::size_t slot, std::byte* block) {
  HWY_DYNAMIC_DISPATCH(WriteKeysHere)(type, keys, slot, block);
}

void WriteValues(KvType type, ConstMatF values, std::size_t slot, std::byte* block) {
  HWY_DYNAMIC_DISPATCH(WriteValuesHere)(type, values, slot, block);
}

void ReadKey(KvType type, const std::byte* block, std::size_t slot, std::span<float> key) {
  WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      LoadInt8(block, slot, slot, kBlockPositions, key);
    } else {
      for (std::size_t d = 0; d < key.size(); ++d) {
        key[d] = ReadElement<Rows>(block, Rows::Index(d, slot, kBlockPositions));
      }
    }
  });
}

void ReadValue(KvType type, const std::byte* block, std::size_t slot, std::span<float> value) {
  WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      LoadInt8(block, slot, slot * value.size(), 1, value);
    } else {
      for (std::size_t d = 0; d < value.size(); ++d) {
        value[d] = ReadElement<Rows>(block, Rows::Index(slot, d, value.size()));
      }
    }
  });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
