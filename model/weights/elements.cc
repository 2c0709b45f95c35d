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

float FromF64(std::uint64_t bits) { return static_cast<float>(std::bit_cast<double>(bits)); }

// Without their sign bits, floats compare as integers do: NaN is larger than infinity. Magnitudes
// from kInfinite on round to infinity as float32, those from kBeyondF16 on as float16. The counts
// of a run are as wide as an element, so that the compiler counts in registers full of counters.
template <typename Bits, Bits kInfinity, Bits kInfinite, Bits kBeyondF16>
ElementCounts Count(std::span<const std::byte> bytes) {
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  constexpr std::size_t kRun = 4096;
  const std::size_t size = bytes.size() / sizeof(Bits);
  ElementCounts counts;
  for (std::size_t begin = 0; begin < size; begin += kRun) {
    const std::size_t end = std::min(size, begin + kRun);
    Bits nans = 0;
    Bits infinite = 0;  // or NaN
    Bits beyond = 0;    // or infinite or NaN
    for (std::size_t i = begin; i < end; ++i) {
      const auto magnitude = static_cast<Bits>(Load<Bits>(bytes, i) & kMagnitude);
      nans = static_cast<Bits>(nans + (magnitude > kInfinity ? 1 : 0));
      infinite = static_cast<Bits>(infinite + (magnitude >= kInfinite ? 1 : 0));
      beyond = static_cast<Bits>(beyond + (magnitude >= kBeyondF16 ? 1 : 0));
    }
    counts += {.nans = nans,
               .infinities = std::size_t{infinite} - nans,
               .beyond_f16 = std::size_t{beyond} - infinite};
  }
  return counts;
}

constexpr StoredType kStoredTypes[] = {
    {.name = "F32",
     .element_bytes = 4,
     .type = ElementType::kF32,
     .widen = Widen<std::uint32_t, FromF32>,
     .count = Count<std::uint32_t, 0x7F800000U, 0x7F800000U, 0x477FF000U>},
    {.name = "F16",
     .element_bytes = 2,
     .type = ElementType::kF16,
     .widen = Widen<std::uint16_t, kernels::FloatFromF16>,
     .count = Count<std::uint16_t, 0x7C00U, 0x7C00U, 0x7C00U>},
    {.name = "BF16",
     .element_bytes = 2,
     .type = ElementType::kBf16,
     .widen = Widen<std::uint16_t, kernels::FloatFromBf16>,
     .count = Count<std::uint16_t, 0x7F80U, 0x7F80U, 0x4780U>},
    {.name = "F64",
     .element_bytes = 8,
     .type = ElementType::kF32,
     .widen = Widen<std::uint64_t, FromF64>,
     .count = Count<std::uint64_t, 0x7FF0000000000000U, 0x47EFFFFFF0000000U, 0x40EFFE0000000000U>},
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
