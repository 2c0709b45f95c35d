#include "model/kernels/kv_block.h"

#include <cstring>

#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {
namespace {

// Element `row`, `column` of a matrix of rows of `columns` elements of each type.
struct F32 {
  using Bits = float;
  static Bits Round(float value) { return value; }
  static float Widen(Bits bits) { return bits; }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return row * columns + column;
  }
};

struct Bf16 {
  using Bits = std::uint16_t;
  static Bits Round(float value) { return Bf16FromFloat(value); }
  static float Widen(Bits bits) { return FloatFromBf16(bits); }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return (row / 2 * columns + column) * 2 + row % 2;
  }
};

struct F16 {
  using Bits = std::uint16_t;
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

template <typename Type>
void Store(float value, std::size_t index, std::byte* block) {
  const typename Type::Bits bits = Type::Round(value);
  std::memcpy(block + index * sizeof(bits), &bits, sizeof(bits));
}

template <typename Type>
float Load(const std::byte* block, std::size_t index) {
  typename Type::Bits bits;
  std::memcpy(&bits, block + index * sizeof(bits), sizeof(bits));
  return Type::Widen(bits);
}

}  // namespace

std::size_t BytesPerElement(KvType type) { return type == KvType::kF32 ? 4 : 2; }

std::string_view Name(KvType type) {
  switch (type) {
    case KvType::kF32:
      return "f32";
    case KvType::kBf16:
      return "bf16";
    case KvType::kF16:
      return "f16";
  }
  return "";
}

std::size_t KeyBytes(KvType type, std::size_t head_dim) {
  const std::size_t rows = type == KvType::kBf16 ? head_dim + head_dim % 2 : head_dim;
  return rows * kBlockPositions * BytesPerElement(type);
}

std::size_t ValueBytes(KvType type, std::size_t head_dim) {
  return kBlockPositions * head_dim * BytesPerElement(type);
}

void WriteKey(KvType type, std::span<const float> key, std::size_t slot, std::byte* block) {
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t d = 0; d < key.size(); ++d) {
      Store<Type>(key[d], Type::Index(d, slot, kBlockPositions), block);
    }
  });
}

void WriteValue(KvType type, std::span<const float> value, std::size_t slot, std::byte* block) {
  WithType(type, [&]<typename Type>(Type) {
    for (std::size_t d = 0; d < value.size(); ++d) {
      Store<Type>(value[d], Type::Index(slot, d, value.size()), block);
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
