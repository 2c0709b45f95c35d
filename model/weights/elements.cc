// SPDX-License-Identifier: Apache-2.0

#include "model/weights/elements.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "model/kernels/float_bits.h"

namespace cascade::model {
namespace {

using kernels::ElementType;

// Element `i` as it lies there, at any alignment.
template <typename Bits>
Bits Load(std::span<const std::byte> bytes, std::size_t i) {
  Bits bits = 0;
  std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
  return bits;
}

float FromF32(std::uint32_t bits) { return std::bit_cast<float>(bits); }

template <typename Bits, typename Convert>
std::vector<float> WidenAll(std::span<const std::byte> bytes, Convert convert) {
  std::vector<float> values(bytes.size() / sizeof(Bits));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = convert(Load<Bits>(bytes, i));
  return values;
}

// NaNs are what lies above infinity once the sign is gone. Counted in runs whose counter is as wide
// as an element: so the compiler fills a register with counters.
template <typename Bits>
std::size_t CountAbove(std::span<const std::byte> bytes, Bits infinity) {
  constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  constexpr std::size_t kRun = 4096;
  const std::size_t size = bytes.size() / sizeof(Bits);
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < size; begin += kRun) {
    const std::size_t end = std::min(size, begin + kRun);
    Bits in_run = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const bool is_nan = (Load<Bits>(bytes, i) & kMagnitude) > infinity;
      in_run = static_cast<Bits>(in_run + (is_nan ? 1 : 0));
    }
    count += in_run;
  }
  return count;
}

}  // namespace

std::optional<ElementType> ElementTypeOf(absl::string_view dtype) {
  if (dtype == "F32") return ElementType::kF32;
  if (dtype == "BF16") return ElementType::kBf16;
  if (dtype == "F16") return ElementType::kF16;
  return std::nullopt;
}

std::vector<float> Widen(std::span<const std::byte> bytes, ElementType type) {
  if (type == ElementType::kF32) return WidenAll<std::uint32_t>(bytes, FromF32);
  if (type == ElementType::kBf16) return WidenAll<std::uint16_t>(bytes, kernels::FloatFromBf16);
  return WidenAll<std::uint16_t>(bytes, kernels::FloatFromF16);
}

std::size_t CountNaNs(std::span<const std::byte> bytes, ElementType type) {
  if (type == ElementType::kF32) return CountAbove<std::uint32_t>(bytes, 0x7F800000U);
  if (type == ElementType::kBf16) return CountAbove<std::uint16_t>(bytes, 0x7F80U);
  return CountAbove<std::uint16_t>(bytes, 0x7C00U);
}

}  // namespace cascade::model
