// SPDX-License-Identifier: Apache-2.0

#include "model/weights/elements.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "model/kernels/float_bits.h"

namespace cascade::model {
namespace {

using kernels::ElementType;

// The bits of element `i`, at any alignment.
template <typename Bits>
Bits Load(std::span<const std::byte> bytes, std::size_t i) {
  Bits bits = 0;
  std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
  return bits;
}

float FromF32(std::uint32_t bits) { return std::bit_cast<float>(bits); }

template <typename Bits, float (*kConvert)(Bits)>
std::vector<float> Widen(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(Bits));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = kConvert(Load<Bits>(bytes, i));
  return values;
}

// Without its sign bit, a NaN is a larger integer than infinity. The count of a run is as wide as
// an element, so that the compiler counts in a register full of counters.
template <typename Bits, Bits kInfinity>
std::size_t CountNaNs(std::span<const std::byte> bytes) {
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  constexpr std::size_t kRun = 4096;
  const std::size_t size = bytes.size() / sizeof(Bits);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < size; begin += kRun) {
    const std::size_t end = std::min(size, begin + kRun);
    Bits in_run = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const bool is_nan = (Load<Bits>(bytes, i) & kMagnitude) > kInfinity;
      in_run = static_cast<Bits>(in_run + (is_nan ? 1 : 0));
    }
    count += in_run;
  }
  return count;
}

constexpr StoredType kStoredTypes[] = {
    {.name = "F32",
     .element_bytes = 4,
     .type = ElementType::kF32,
     .widen = Widen<std::uint32_t, FromF32>,
     .count_nans = CountNaNs<std::uint32_t, 0x7F800000U>},
    {.name = "F16",
     .element_bytes = 2,
     .type = ElementType::kF16,
     .widen = Widen<std::uint16_t, kernels::FloatFromF16>,
     .count_nans = CountNaNs<std::uint16_t, 0x7C00U>},
    {.name = "BF16",
     .element_bytes = 2,
     .type = ElementType::kBf16,
     .widen = Widen<std::uint16_t, kernels::FloatFromBf16>,
     .count_nans = CountNaNs<std::uint16_t, 0x7F80U>},
};

}  // namespace

const StoredType* FindStoredType(absl::string_view dtype) {
  for (const StoredType& type : kStoredTypes) {
    if (type.name == dtype) return &type;
  }
  return nullptr;
}

std::string StoredTypeNames() {
  std::string names;
  for (const StoredType& type : kStoredTypes) {
    const bool is_last = &type == std::end(kStoredTypes) - 1;
    absl::StrAppend(&names, names.empty() ? "" : is_last ? " or " : ", ", type.name);
  }
  return names;
}

}  // namespace cascade::model
