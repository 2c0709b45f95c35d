// SPDX-License-Identifier: Apache-2.0
// Random numbers that a seed determines, the same on every machine.
#pragma once

#include <cstdint>
#include <random>

namespace cascade::cli::bench {

using Random = std::mt19937_64;

// The purpose that numbers are drawn for. Numbers for different purposes, or for different indices,
// are independent.
enum class Purpose : std::uint32_t { kArrivals, kPrefix, kRequest };

Random SeededRandom(std::uint64_t seed, Purpose purpose, std::uint64_t index);

// The C++ standard fixes the generator's numbers but not those of its distributions, which differ
// between libraries; these functions are the same everywhere.
double UniformReal(Random& random);                                               // in [0, 1)
std::uint32_t UniformInt(std::uint32_t low, std::uint32_t high, Random& random);  // in [low, high]
double Exponential(Random& random);                                               // of mean 1
double Normal(Random& random);                                                    // of deviation 1

}  // namespace cascade::cli::bench
