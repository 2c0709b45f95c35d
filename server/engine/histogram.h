// SPDX-License-Identifier: Apache-2.0
// How values are spread: counts of values by their size.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cascade::server {

// Counts values in buckets whose upper bounds, in rising order, are `kBounds`. Plain numbers that
// take no memory of their own: a copy is a snapshot. Not thread-safe.
template <const auto& kBounds>
struct Histogram {
  std::array<std::uint64_t, kBounds.size() + 1> counts = {};  // the last: values above all bounds
  double sum = 0;

  static constexpr const auto& bounds() { return kBounds; }

  // Counts `value` as often as `times` says. Cost: a comparison for each bound below it.
  void Add(double value, std::uint64_t times = 1) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) ++bucket;
    counts[bucket] += times;
    sum += value * static_cast<double>(times);
  }

  std::uint64_t count() const {
    std::uint64_t count = 0;
    for (const std::uint64_t in_bucket : counts) count += in_bucket;
    return count;
  }
};

// For durations in seconds, from a step of a small model to an answer that takes minutes.
inline constexpr std::array<double, 19> kSecondsBounds = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1,      2,     5,     10,    20,   60,   120,  300, 600};
using SecondsHistogram = Histogram<kSecondsBounds>;

// For rows of a step and tokens of a text.
inline constexpr std::array<double, 15> kTokensBounds = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
using TokensHistogram = Histogram<kTokensBounds>;

}  // namespace cascade::server
