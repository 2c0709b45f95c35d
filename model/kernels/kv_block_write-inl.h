// SPDX-License-Identifier: Apache-2.0
// Writes keys and values as kv_block.h lays them out. Most of these are plain loops, of which the
// compiler makes vectors: once per SIMD target, as Highway's foreach_target.h has it.
#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "model/kernels/float_bits.h"
#include "model/kernels/kv_block.h"
#include "model/kernels/kv_block_rows.h"
#include "model/kernels/rounding-inl.h"
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

// Writes bytes of the key (value) of position `slot`, from its element `d` on, an even one.
inline void StoreBytes(Int8Keys /*layout*/, std::span<const std::int8_t> bytes, std::size_t slot,
                       std::size_t d, std::size_t head_dim, std::byte* block) {
  std::byte* pairs = block + Int8Keys::At(slot, d, head_dim);
  const std::size_t whole = bytes.size() / 2 * 2;
  for (std::size_t i = 0; i < whole; i += 2) {
    std::memcpy(pairs + i * kBlockPositions, &bytes[i], 2);
  }
  if (whole < bytes.size()) pairs[whole * kBlockPositions] = static_cast<std::byte>(bytes[whole]);
}

inline void StoreBytes(Int8Values /*layout*/, std::span<const std::int8_t> bytes, std::size_t slot,
                       std::size_t d, std::size_t head_dim, std::byte* block) {
  // Both positions of a pair, of which one keeps its byte: a compiler makes vectors of this.
  auto* pairs =
      reinterpret_cast<std::uint16_t*>(block + Int8Values::At(slot & ~std::size_t{1}, d, head_dim));
  const int shift = slot % 2 == 0 ? 0 : 8;
  const int kept = 0xff00 >> shift;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int own = static_cast<std::uint8_t>(bytes[i]) << shift;
    pairs[i] = static_cast<std::uint16_t>((pairs[i] & kept) | own);
  }
}

// Writes the numbers of one position as bytes, and their scale.
template <typename Layout>
void StoreInt8(std::span<const float> numbers, std::size_t slot, std::byte* block) {
  const std::size_t head_dim = numbers.size();
  const Rounding by = RoundingOf<std::int8_t>(numbers);
  constexpr std::size_t kTogether = 64;
  for (std::size_t d = 0; d < head_dim; d += kTogether) {
    // Rounded side by side, as vectors, then written.
    std::array<std::int8_t, kTogether> rounded;
    const std::size_t count = std::min(kTogether, head_dim - d);
    Round(numbers.subspan(d, count), by, rounded.data());
    StoreBytes(Layout(), std::span(rounded).first(count), slot, d, head_dim, block);
  }
  std::memcpy(block + Layout::Bytes(head_dim) + slot * sizeof(by.scale), &by.scale,
              sizeof(by.scale));
}

void WriteKeysHere(KvType type, ConstMatF keys, std::size_t slot, std::byte* block) {
  assert(slot + keys.rows() <= kBlockPositions);
  WithKvRows(type, [&]<typename Rows>(Rows) {
    if constexpr (kIsInt8<Rows>) {
      for (std::size_t r = 0; r < keys.rows(); ++r) {
        StoreInt8<Int8Keys>(keys.Row(r), slot + r, block);
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
        StoreInt8<Int8Values>(values.Row(r), slot + r, block);
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
