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

template <typename Layout>
void LoadInt8(const std::byte* block, std::size_t slot, std::span<float> numbers) {
  const std::size_t head_dim = numbers.size();
  float scale = 0.0f;
  std::memcpy(&scale, block + Layout::Bytes(head_dim) + slot * sizeof(scale), sizeof(scale));
  for (std::size_t d = 0; d < head_dim; ++d) {
    const std::byte byte = block[Layout::At(slot, d, head_dim)];
    numbers[d] = static_cast<float>(std::to_integer<std::int8_t>(byte)) * scale;
  }
}

}  // namespace

std::size_t KeyBytes(KvType type, std::size_t head_dim) {
  return WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      return Int8Keys::Bytes(head_dim) + kScaleBytes;
    } else {
      return RowsBytes<Rows>(head_dim, kBlockPositions);
    }
  });
}

std::size_t ValueBytes(KvType type, std::size_t head_dim) {
  return WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      return Int8Values::Bytes(head_dim) + kScaleBytes;
    } else {
      return RowsBytes<Rows>(kBlockPositions, head_dim);
    }
  });
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
      LoadInt8<Int8Keys>(block, slot, key);
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
      LoadInt8<Int8Values>(block, slot, value);
    } else {
      for (std::size_t d = 0; d < value.size(); ++d) {
        value[d] = ReadElement<Rows>(block, Rows::Index(slot, d, value.size()));
      }
    }
  });
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
