// SPDX-License-Identifier: Apache-2.0
// The three products of attention, for one head and a tile of consecutive rows of one sequence, on
// the cache's own blocks. Rows never see each other; a row's result depends on the positions up to
// its own and on nothing else, so neither the tile nor the chunking of a prompt can change it.
//
// Where keys and values are int8, both products are sums of integers. Queries and weights are
// rounded as kv_block.h says, but to 16 bits:
//
//   scale = largest / 32767      q[i] = round(x[i] * (32767 / largest)), ties to even
//
// A sum of 256 such products is exact, and each is added to the result as one float, in order.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>

#include "model/kernels/kv_block.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

// The most rows of a score tile. The rows of a tile share each pass over the keys and values.
inline constexpr std::size_t kAttentionRows = 12;

// The scores of up to kAttentionRows rows: [blocks][kAttentionRows][16], so that what one block of
// keys gives, and one block of values takes, lies together. Does not own its memory.
class ScoreTile {
 public:
  // Floats of memory for rows that see at most `positions` positions.
  static std::size_t Floats(std::size_t positions) {
    return (positions + kBlockPositions - 1) / kBlockPositions * kBlockFloats;
  }

  // `data` is aligned to 64 bytes.
  ScoreTile(float* data, std::size_t rows) : data_(data), rows_(rows) {
    assert(rows <= kAttentionRows);
  }

  std::size_t rows() const { return rows_; }

  // The 16 scores of row `r` for block `b`; row r's for block b + 1 are kBlockFloats further on.
  float* Row(std::size_t r, std::size_t b) const {
    return data_ + b * kBlockFloats + r * kBlockPositions;
  }
  float& At(std::size_t r, std::size_t position) const {
    return Row(r, position / kBlockPositions)[position % kBlockPositions];
  }

  static constexpr std::size_t kBlockFloats = kAttentionRows * kBlockPositions;

 private:
  float* data_;
  std::size_t rows_;
};

// scores[r, p] = scale * sum_d q[r, d] * keys[p, d]    for p in [0, start + r]
//
//   q      : [scores.rows(), head_dim], any stride; row r is position start + r
//   scores : elements beyond a row's own position are unspecified
//   Order  : one chain over d ascending from zero, then one multiplication by `scale`.
//   int8   : a row's query is rounded; then ((sum over d) * (its scale * `scale`)) * the key's
//   scale
void AttentionScores(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                     ScoreTile scores);

// Asks the memory for the first blocks, whose reading will begin soon.
void PrefetchFirst(const HeadBlocks& blocks);

// Row r becomes exp(scores - max) over [0, start + r]: not yet divided by the sum. sums[r] is the
// sum, in 16 virtual lanes (position % 16) and a fixed tree; NaN if a score is NaN or the largest
// is infinite. Elements beyond are unspecified.
void AttentionExp(std::size_t start, ScoreTile scores, std::span<float> sums);

// out[r, d] = (sum_p weights[r, p] * values[p, d]) / sums[r]    for p in [0, start + r]
//
//   out   : [weights.rows(), head_dim], any stride
//   Order : one chain over p ascending from zero, then one multiplication by 1 / sums[r]. Positions
//           beyond a row's own never reach it: what lies there may be anything, NaN included.
//   int8  : a row's weights, each times its value's scale, are rounded, in the memory of `weights`;
//           then (sum over p) * (their scale * (1 / sums[r]))
void AttentionValues(ScoreTile weights, const HeadBlocks& values, std::size_t start,
                     std::span<const float> sums, MatF out);

}  // namespace cascade::model::kernels
