// SPDX-License-Identifier: Apache-2.0
// Writes keys and values as kv_block.h lays them out. Most of these are plain loops, of which the
// compiler makes vectors: once per SIMD target, as Highway's foreach_target.h has it.
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "model/kernels/float_bits.h"
#include "model/kernels/kv_block.h"
#include "model/kernels/kv_block_rows.h"
#include "model/kernels/simd-inl.h"
#include "model/mat_view.h"

#if defined(CASCADE_MODEL_KERNELS_KV_BLOCK_WRITE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_KV_BLOCK_WRITE_INL_H_
#undef CASCADE_MODEL_KERNELS_KV_BLOCK_WRITE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_KV_BLOCK_WRITE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Elements of a key that are transposed together. A key is a column of its block: written element
// by element, each position would touch every cache line of the block. So the keys of several
// positions are transposed on the stack first, and then written as short runs of a row.
inline constexpr std::size_t kTransposed = 64;

// Rounds elements as F16FromFloat does.
inline void StoreHalves(std::span<const float> values, std::uint16_t* out) {
  std::size_t i = 0;
#if !CASCADE_SCALAR_TARGET  // Highway's own scalar DemoteTo rounds otherwise
  const FloatTag d;
  const hn::Rebind<hwy::float16_t, FloatTag> dh;
  const FloatVector nan = hn::NaN(d);  // of one payload, whatever a CPU makes of others
  for (; i + kLanes <= values.size(); i += kLanes) {
    const FloatVector x = hn::LoadU(d, &values[i]);
    const FloatVector known = hn::IfThenElse(hn::IsNaN(x), hn::CopySign(nan, x), x);
    hn::StoreU(hn::DemoteTo(dh, known), dh, reinterpret_cast<hwy::float16_t*>(out + i));
  }
#endif
  for (; i < values.size(); ++i) out[i] = F16FromFloat(values[i]);
}

// Writes elements of one row from element `index` on.
template <typename Rows>
void StoreRow(std::span<const float> values, std::size_t index, std::byte* block) {
  auto* out = reinterpret_cast<typename Rows::Bits*>(block) + index;
  if constexpr (Rows::kType == ElementType::kF16) return StoreHalves(values, out);
  for (std::size_t i = 0; i < values.size(); ++i) {
    out[i * Rows::kColumnStep] = Rows::Round(values[i]);
  }
}

template <typename Rows>
void StoreKeys(ConstMatF keys, std::size_t slot, std::byte* block) {
  for (std::size_t d = 0; d < keys.cols(); d += kTransposed) {
    const std::size_t columns = std::min(kTransposed, keys.cols() - d);
    float transposed[kTransposed][kBlockPositions];
    for (std::size_t r = 0; r < keys.rows(); ++r) {
      const float* key = keys.Row(r).data() + d;
      for (std::size_t c = 0; c < columns; ++c) transposed[c][r] = key[c];
    }
    for (std::size_t c = 0; c < columns; ++c) {
      StoreRow<Rows>({transposed[c], keys.rows()}, Rows::Index(d + c, slot, kBlockPositions),
                     block);
    }
  }
}

struct Int8Scale {
  float scale;    // from a byte to the number
  float inverse;  // and back
};

inline Int8Scale ScaleOf(std::span<const float> numbers) {
  // Magnitudes are compared as the integers that their bits are, which have the same order; a
  // compiler makes vectors of such a loop.
  std::int32_t bits = 0;
  for (const float x : numbers) {
    bits = std::max(bits, std::bit_cast<std::int32_t>(x) & 0x7fffffff);
  }
  const float largest = std::bit_cast<float>(bits);
  if (!std::isfinite(largest)) return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
  const float scale = largest / 127.0f;
  if (scale < std::numeric_limits<float>::min()) return {0.0f, 0.0f};
  return {scale, 127.0f / largest};
}

// Writes the numbers of one position as bytes that are `step` apart, and their scale.
inline void StoreInt8(std::span<const float> numbers, std::size_t slot, std::size_t first,
                      std::size_t step, std::byte* block) {
  const Int8Scale by = ScaleOf(numbers);
  constexpr std::size_t kTogether = 64;
  for (std::size_t d = 0; d < numbers.size(); d += kTogether) {
    // Rounded side by side, as vectors, then written.
    std::array<std::int8_t, kTogether> rounded = {};
    const std::size_t count = std::min(kTogether, numbers.size() - d);
    if (by.inverse > 0.0f) {
      for (std::size_t i = 0; i < count; ++i) {
        rounded[i] = static_cast<std::int8_t>(IntegerFromFloat(numbers[d + i] * by.inverse));
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      block[first + (d + i) * step] = static_cast<std::byte>(rounded[i]);
    }
  }
  std::memcpy(block + ScaleAt(numbers.size(), slot), &by.scale, sizeof(by.scale));
}

void WriteKeysHere(KvType type, ConstMatF keys, std::size_t slot, std::byte* block) {
  assert(slot + keys.rows() <= kBlockPositions);
  WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      for (std::size_t r = 0; r < keys.rows(); ++r) {
        StoreInt8(keys.Row(r), slot + r, slot + r, kBlockPositions, block);
      }
    } else {
      StoreKeys<Rows>(keys, slot, block);
    }
  });
}

void WriteValuesHere(KvType type, ConstMatF values, std::size_t slot, std::byte* block) {
  assert(slot + values.rows() <= kBlockPositions);
  WithKvRows(type, [&]<typename Rows>(Rows) {
    for (std::size_t r = 0; r < values.rows(); ++r) {
      if constexpr (kIsInt8<Rows>) {
        StoreInt8(values.Row(r), slot + r, (slot + r) * values.cols(), 1, block);
      } else {
        StoreRow<Rows>(values.Row(r), Rows::Index(slot + r, 0, values.cols()), block);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
