// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cascade::cli::bench {
namespace {

constexpr std::size_t kBucketBits = 9;
constexpr std::size_t kPerPower = std::size_t{1} << kBucketBits;

}  // namespace

// Values below 1024 have a bucket each. Of larger ones the first ten bits count, the leading one
// among them; `shift` bits are dropped.
std::size_t Histogram::BucketOf(std::uint64_t value) {
  const std::size_t width = static_cast<std::size_t>(std::bit_width(value));
  if (width <= kBucketBits + 1) return static_cast<std::size_t>(value);
  const std::size_t shift = width - (kBucketBits + 1);
  return shift * kPerPower + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::MiddleOf(std::size_t bucket) {
  if (bucket < 2 * kPerPower) return bucket;
  const std::size_t shift = bucket / kPerPower - 1;
  const std::uint64_t leading = bucket - shift * kPerPower;
  return (leading << shift) + (std::uint64_t{1} << (shift - 1));
}

void Histogram::Add(Duration duration) {
  duration = std::max(duration, Duration::zero());
  const std::size_t bucket = BucketOf(static_cast<std::uint64_t>(duration.count()));
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  ++counts_[bucket];
  ++count_;
  sum_ += static_cast<double>(duration.count());
  min_ = std::min(min_, duration);
  max_ = std::max(max_, duration);
}

Histogram::Duration Histogram::Mean() const {
  if (count_ == 0) return Duration::zero();
  return Duration(static_cast<Duration::rep>(sum_ / static_cast<double>(count_)));
}

Histogram::Duration Histogram::Percentile(double percent) const {
  if (count_ == 0) return Duration::zero();
  const double exact_rank = std::ceil(percent / 100 * static_cast<double>(count_));
  const std::uint64_t rank =
      std::clamp(static_cast<std::uint64_t>(exact_rank), std::uint64_t{1}, count_);
  if (rank == 1) return min_;
  if (rank == count_) return max_;
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts_[bucket]) < rank) ++bucket;
  return std::clamp(Duration(static_cast<Duration::rep>(MiddleOf(bucket))), min_, max_);
}

}  // namespace cascade::cli::bench
