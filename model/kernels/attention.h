// The three products of attention, for one head and a tile of consecutive rows of one sequence, on
// the cache's own blocks. Rows never see each other; a row's result depends on the positions up to
// its own and on nothing else, so neither the tile nor the chunking of a prompt can change it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/mat_view.h"

namespace cascade::model::kernels {

// Positions of one KV block: one panel of lanes.
inline constexpr std::size_t kBlockPositions = 16;

// The keys, or the values, of one head of one sequence: block b of the sequence lies at
// base + ids[b] * stride floats.
//   keys   : [head_dim][16]   lanes along positions
//   values : [16][head_dim]   lanes along head_dim
struct HeadBlocks {
  const float* base = nullptr;
  std::span<const std::uint32_t> ids;
  std::size_t stride = 0;

  const float* Block(std::size_t b) const { return base + ids[b] * stride; }
};

// scores[r, p] = scale * sum_d q[r, d] * keys[p, d]    for p in [0, start + r]
//
//   q      : [rows, head_dim], any stride; row r is position start + r
//   scores : [rows, at least RoundUp(start + rows, 16)], 64-byte aligned rows. Elements beyond
//            start + r are unspecified.
//   Order  : one chain over d ascending from zero, then one multiplication by `scale`.
void AttentionScores(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                     MatF scores);

// Row r becomes exp(scores - max) over [0, start + r]: not yet divided by the sum. sums[r] is the
// sum, in 16 virtual lanes (position % 16) and a fixed tree. Elements beyond are unspecified.
void AttentionExp(std::size_t start, MatF scores, std::span<float> sums);

// out[r, d] = (sum_p weights[r, p] * values[p, d]) / sums[r]    for p in [0, start + r]
//
//   out   : [rows, head_dim], any stride
//   Order : one chain over p ascending from zero, then one multiplication by 1 / sums[r]. Positions
//           beyond a row's own are never touched: what lies there may be anything, NaN included.
void AttentionValues(ConstMatF weights, const HeadBlocks& values, std::size_t start,
                     std::span<const float> sums, MatF out);

}  // namespace cascade::model::kernels
