// SPDX-License-Identifier: Apache-2.0
// Computes percentiles of many durations in little memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cascade::cli::bench {

// Counts durations in buckets that widen with them, 512 to each power of two: a percentile is
// within 1/1024 (0.1 %) of the exact one, whatever the distribution; count, mean, least and most
// are exact. Memory grows with the largest duration, not with their number: below 240 KB for all
// that 64 bits hold. Not thread-safe.
class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;

  // A negative duration, which clocks do not give, counts as zero.
  void Add(Duration duration);

  std::uint64_t count() const { return count_; }
  Duration min() const { return count_ == 0 ? Duration::zero() : min_; }
  Duration max() const { return max_; }
  Duration Mean() const;

  // The nearest-rank percentile: the least duration that `percent` % of all do not exceed. Zero if
  // there are none. percent in [0, 100].
  Duration Percentile(double percent) const;

 private:
  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t MiddleOf(std::size_t bucket);

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;  // of nanoseconds
  Duration min_ = Duration::max();
  Duration max_ = Duration::zero();
};

}  // namespace cascade::cli::bench
