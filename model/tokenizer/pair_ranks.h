// SPDX-License-Identifier: Apache-2.0
// The ranks of the pairs of tokens that merge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "model/token.h"

namespace cascade::model {

// A hash table behind a bitmap. Most pairs that are looked up do not merge, and for most of those
// one bit of the bitmap tells it. The bitmap fits into the second-level cache (64 KiB for GPT-2's
// 50,000 pairs); the table does not. Immutable once filled: const calls from any thread.
class PairRanks {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  // For about `pairs` pairs: more than that make it slower, not wrong.
  explicit PairRanks(std::size_t pairs);

  // Sets the rank of a pair, which may have one already.
  void Set(TokenId left, TokenId right, std::uint32_t rank);

  // The rank of a pair; kNone if the pair does not merge.
  std::uint32_t Find(TokenId left, TokenId right) const {
    const std::uint64_t bit = BitOf(left, right);
    if ((bitmap_[bit / 64] >> (bit % 64) & 1) == 0) return kNone;
    const auto found = ranks_.find(Pack(left, right));
    return found == ranks_.end() ? kNone : found->second;
  }

 private:
  static std::uint64_t Pack(TokenId left, TokenId right) {
    return std::uint64_t{left} << 32 | right;
  }

  // The index of the bit that is set if this pair, or another pair with the same hash, merges.
  std::uint64_t BitOf(TokenId left, TokenId right) const {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio
    return Pack(left, right) * kGolden >> shift_;
  }

  absl::flat_hash_map<std::uint64_t, std::uint32_t> ranks_;
  std::vector<std::uint64_t> bitmap_;  // at least eight bits for each pair; a power of two of them
  int shift_;                          // leaves the upper bits of a hash: an index into the bitmap
};

}  // namespace cascade::model
