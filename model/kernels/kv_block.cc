// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/kv_block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "model/kernels/float_bits.h"
#include "model/kernels/float_rows.h"

namespace cascade::model::kernels {
namespace {

// Elements of a key that are transposed together. A key is a column of its block: written element
// by element, each position would touch every cache line of the block. So the keys of several
// positions are transposed on the stack first, and then written as short runs of a row.
constexpr std::size_t kTransposed = 16;

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

// Bytes of `rows` rows of `columns` elements, and of the scales.
template <typename Rows>
std::size_t Bytes(std::size_t rows, std::size_t columns) {
  if constexpr (kIsInt8<Rows>) {
    return rows * columns + kBlockPositions * sizeof(float);
  } else {
    return RowsBytes<Rows>(rows, columns);
  }
}

// Writes elements of one row from element `index` on.
template <typename Rows>
void StoreRow(std::span<const float> values, std::size_t index, std::byte* block) {
  auto* out = reinterpret_cast<typename Rows::Bits*>(block) + index;
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

// Where the scale of position `slot` lies in a block of `head_dim` elements a position.
std::size_t ScaleAt(std::size_t head_dim, std::size_t slot) {
  return head_dim * kBlockPositions + slot * sizeof(float);
}

struct Int8Scale {
  float scale;    // from a byte to the number
  float inverse;  // and back
};

Int8Scale ScaleOf(std::span<const float> numbers) {
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
void StoreInt8(std::span<const float> numbers, std::size_t slot, std::size_t first,
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

void WriteValues(KvType type, ConstMatF values, std::size_t slot, std::byte* block) {
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
