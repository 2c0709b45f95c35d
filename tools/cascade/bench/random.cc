// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/random.h"

#include <cmath>

namespace cascade::cli::bench {
namespace {

constexpr double kPi = 3.14159265358979323846;

std::uint32_t High(std::uint64_t bits) { return static_cast<std::uint32_t>(bits >> 32U); }
std::uint32_t Low(std::uint64_t bits) { return static_cast<std::uint32_t>(bits); }

}  // namespace

Random SeededRandom(std::uint64_t seed, Purpose purpose, std::uint64_t index) {
  std::seed_seq words{High(seed), Low(seed), static_cast<std::uint32_t>(purpose), High(index),
                      Low(index)};
  return Random(words);
}

double UniformReal(Random& random) { return static_cast<double>(random() >> 11U) * 0x1p-53; }

std::uint32_t UniformInt(std::uint32_t low, std::uint32_t high, Random& random) {
  const double values = static_cast<double>(high) - static_cast<double>(low) + 1;
  return low + static_cast<std::uint32_t>(UniformReal(random) * values);
}

// 1 - uniform is in (0, 1], so the logarithms are finite.
double Exponential(Random& random) { return -std::log(1 - UniformReal(random)); }

double Normal(Random& random) {  // Box and Muller
  const double radius = std::sqrt(2 * Exponential(random));
  return radius * std::cos(2 * kPi * UniformReal(random));
}

}  // namespace cascade::cli::bench
