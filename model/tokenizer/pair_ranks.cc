// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/pair_ranks.h"

#include <bit>

#include "model/reserve.h"

namespace cascade::model {

PairRanks::PairRanks(std::size_t pairs)
    : bitmap_(std::bit_ceil(pairs / 8 + 1)), shift_(64 - std::countr_zero(64 * bitmap_.size())) {
  Reserve(pairs, ranks_);
}

void PairRanks::Set(TokenId left, TokenId right, std::uint32_t rank) {
  ranks_[Pack(left, right)] = rank;
  const std::uint64_t bit = BitOf(left, right);
  bitmap_[bit / 64] |= std::uint64_t{1} << (bit % 64);
}

}  // namespace cascade::model
