#include "model/kernels/kv_block.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {
namespace {

// Elements of a row that are transposed together.
constexpr std::size_t kTransposed = 16;

// Where each type has element `row`, `column` of a matrix of rows of `columns` elements; the next
// column is kStep further on.
struct F32 {
  using Bits = float;
  static constexpr std::size_t kStep = 1;
  static Bits Round(float value) { return value; }
  static float Widen(Bits bits) { return bits; }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return row * columns + column;
  }
};

struct Bf16 {
  using Bits = std::uint16_t;
  static constexpr std::size_t kStep = 2;
  static Bits Round(float value) { return Bf16FromFloat(value); }
  static float Widen(Bits bits) { return FloatFromBf16(bits); }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return (row / 2 * columns + column) * 2 + row % 2;
  }
};

struct F16 {
  using Bits = std::uint16_t;
  static constexpr std::size_t kStep = 1;
  static Bits Round(float value) { return F16FromFloat(value); }
  static float Widen(Bits bits) { return FloatFromF16(bits); }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return row * columns + column;
  }
};

// Calls `body` with the type's rules.
template <typename Body>
void WithType(KvType type, Body body) {
  switch (type) {
    case KvType::kF32:
      return body(F32());
    case KvType::kBf16:
      return body(Bf16());
    case KvType::kF16:
      return body(F16());
  }
}

// Elements of one row from `index` on.
template <typename Type>
void StoreRow(std::span<const float> values, std::size_t index, std::byte* block) {
  auto* out = reinterpret_cast<typename Type::Bits*>(block) + index;
  for (std::size_t i = 0; i < values.size(); ++i) out[i * Type::kStep] = Type::Round(values[i]);
}

template <typename Type>
float Load(const std::byte* block, std::size_t index) {
  typename Type::Bits bits;
  std::memcpy(&bits, block + index * sizeof(bits), sizeof(bits));
  return Type::Widen(bits);
}

}  // namespace

std::size_t KeyBytes(KvType type, std::size_t head_dim) {
  const std::size_t rows = type == KvType::kBf16 ? head_dim + head_dim % 2 : head_dim;
  return rows * kBlockPositions * BytesPerElement(type);
}

std::size_t ValueBytes(KvType type, std::size_t head_dim) {
  return kBlockPositions * head_dim * BytesPerElement(type);
}

void WriteKeys(KvType type, ConstMatF keys, std::size_t slot, std::byte* block) {
  assert(slot + keys.rows() <= kBlockPositions);
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t d = 0; d < keys.cols(); d += kTransposed) {
      const std::size_t columns = std::min(kTransposed, keys.cols() - d);
      float transposed[kTransposed][kBlockPositions];
      for (std::size_t r = 0; r < keys.rows(); ++r) {
        const float* key = keys.Row(r).data() + d;
        for (std::size_t c = 0; c < columns; ++c) transposed[c][r] = key[c];
      }
      for (std::size_t c = 0; c < columns; ++c) {
        StoreRow<Type>({transposed[c], keys.rows()}, Type::Index(d + c, slot, kBlockPositions),
                       block);
      }
    }
  });
}

void WriteValues(KvType type, ConstMatF values, std::size_t slot, std::byte* block) {
  assert(slot + values.rows() <= kBlockPositions);
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t r = 0; r < values.rows(); ++r) {
      StoreRow<Type>(values.Row(r), Type::Index(slot + r, 0, values.cols()), block);
    }
  });
}

void ReadKey(KvType type, const std::byte* block, std::size_t slot, std::span<float> key) {
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t d = 0; d < key.size(); ++d) {
      key[d] = Load<Type>(block, Type::Index(d, slot, kBlockPositions));
    }
  });
}

void ReadValue(KvType type, const std::byte* block, std::size_t slot, std::span<float> value) {
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t d = 0; d < value.size(); ++d) {
      value[d] = Load<Type>(block, Type::Index(slot, d, value.size()));
    }
  });
}

}  // namespace cascade::model::kernels
