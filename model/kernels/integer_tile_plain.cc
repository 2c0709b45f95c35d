// SPDX-License-Identifier: Apache-2.0
// The integer unit of CPUs without any: plain C++. Vectors are the compiler's own, of a whole
// panel, which it makes of what the CPU has.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"

#define CASCADE_UNIT
#define CASCADE_UNIT_INLINE __attribute__((always_inline)) static inline

namespace cascade::model::kernels {
namespace {

struct Unit {
  static constexpr std::string_view kName = "plain";
  using Ints = std::array<std::int32_t, 16>;
  using Floats = std::array<float, 16>;
  using Weights = std::array<std::int8_t, 64>;
  using Inputs = std::array<std::int8_t, 4>;
  using Words = std::array<std::int16_t, 32>;
  using Nibbles = Weights;
  struct Fits {
    Ints zeros;
    Ints steps;
  };
  static constexpr std::size_t kPanelVectors = 1;
  static constexpr std::size_t kMaxRows = 4;
  static constexpr std::size_t kMaxVectors = 1;
  static constexpr std::size_t kManyRows = kMaxRows;
  static constexpr std::size_t kManyPanels = 1;
  static constexpr std::size_t kRegisters = 0;
  static constexpr bool kKeepsChains = false;
  static constexpr std::size_t kInt4Sums = 2;

  CASCADE_UNIT_INLINE Ints Start(std::int32_t /*offset*/) { return {}; }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t /*vector*/) {
    Weights weights;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = static_cast<std::int8_t>(std::to_integer<int>(w[i]) - 128);
    }
    return weights;
  }
  CASCADE_UNIT_INLINE Inputs Broadcast(const std::byte* x) {
    Inputs inputs;
    std::memcpy(inputs.data(), x, inputs.size());
    return inputs;
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, const Weights& w, const Inputs& x) {
    for (std::size_t i = 0; i < w.size(); ++i) sum[i / 4] += w[i] * x[i % 4];
    return sum;
  }
  CASCADE_UNIT_INLINE Words LoadWords(const std::byte* w, std::size_t /*vector*/) {
    Words words;
    std::memcpy(words.data(), w, sizeof(words));
    return words;
  }
  CASCADE_UNIT_INLINE Words BroadcastWords(const std::byte* x) {
    Words words;
    for (std::size_t i = 0; i < words.size(); i += 2) std::memcpy(&words[i], x, 4);
    return words;
  }
  CASCADE_UNIT_INLINE Ints DotWords(Ints sum, const Words& w, const Words& x) {
    for (std::size_t i = 0; i < w.size(); ++i) sum[i / 2] += w[i] * x[i];
    return sum;
  }
  CASCADE_UNIT_INLINE Nibbles LoadNibbles(const std::byte* w, std::size_t /*vector*/) {
    Nibbles nibbles;
    std::memcpy(nibbles.data(), w, nibbles.size());
    return nibbles;
  }
  CASCADE_UNIT_INLINE Nibbles Low(Nibbles n) {
    for (std::int8_t& byte : n) byte = static_cast<std::int8_t>(byte & 15);
    return n;
  }
  CASCADE_UNIT_INLINE Nibbles High(Nibbles n) {
    for (std::int8_t& byte : n) byte = static_cast<std::int8_t>(byte >> 4 & 15);
    return n;
  }
  CASCADE_UNIT_INLINE Nibbles Ones() {
    Nibbles ones;
    ones.fill(1);
    return ones;
  }
  CASCADE_UNIT_INLINE Fits LoadFits(const std::byte* fits, std::size_t /*vector*/) {
    Fits both;
    for (std::size_t i = 0; i < both.steps.size(); ++i) {
      both.steps[i] = std::to_integer<int>(fits[i] & std::byte{15});
      both.zeros[i] = std::to_integer<int>(fits[i] >> 4);
    }
    return both;
  }
  CASCADE_UNIT_INLINE Ints PrepareInputs(const Ints& sums) { return sums; }
  CASCADE_UNIT_INLINE Ints Weigh(Ints sum, const Ints& dots, const Ints& inputs, const Fits& fits) {
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += fits.steps[i] * (dots[i] - fits.zeros[i] * inputs[i]);
    }
    return sum;
  }
  CASCADE_UNIT_INLINE Floats Zero() { return {}; }
  CASCADE_UNIT_INLINE float Set(float value) { return value; }
  CASCADE_UNIT_INLINE Floats Load(const float* from) {
    Floats value;
    std::copy_n(from, value.size(), value.begin());
    return value;
  }
  CASCADE_UNIT_INLINE void Store(const Floats& value, float* to) {
    std::copy_n(value.begin(), value.size(), to);
  }
  CASCADE_UNIT_INLINE Floats Convert(const Ints& sum) {
    Floats value;
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<float>(sum[i]);
    return value;
  }
  CASCADE_UNIT_INLINE Floats Fma(const Floats& a, float b, Floats c) {
    for (std::size_t i = 0; i < c.size(); ++i) c[i] = std::fma(a[i], b, c[i]);
    return c;
  }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kPlainUnit = &kUnit;
}  // namespace cascade::model::kernels
