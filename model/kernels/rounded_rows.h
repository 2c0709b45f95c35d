// SPDX-License-Identifier: Apache-2.0
// Rows of input rounded to 8 bits, a scale for every group of 64 inputs. Private to this room.
//
//   largest = max_i |x[i]| over the group       scale = largest / 127
//   q[i] = round(x[i] * (127 / largest)), ties to even, from -127 to 127
//
// A value is then q * scale, at most scale / 2 (and a few units in the last place) away. Every
// operation is one correctly rounded instruction, so all CPUs have the same bits.
//
//   A group whose scale would be below the smallest normal float (all inputs below 1.5e-36) is
//   zeros with a scale of zero. A group with a NaN or an infinity is zeros with a scale of NaN, so
//   that everything computed from that row is NaN.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"

namespace cascade::model::kernels {

constexpr std::size_t DotGroups(std::size_t n_in) { return (n_in + kDotGroup - 1) / kDotGroup; }

// A view of rounded rows, in the tiles of a RowTiles, one after the other. Each lies as
// DotOperands says: group by group, so that a tile reads one stream. The last group of a row is
// filled up with zeros.
struct RoundedRows {
  std::int8_t* values;    // [tiles][groups][rows of the tile][kDotGroup]
  float* scales;          // [tiles][groups][rows of the tile]
  std::int32_t* offsets;  // the same: -128 times the sum of a group's values
  std::size_t groups;
  RowTiles tiles;

  // Where group `group` of tile `tile` begins, in rows of a group.
  std::size_t Begin(std::size_t tile, std::size_t group) const {
    return tiles.Begin(tile) * groups + group * tiles.Size(tile);
  }
};

}  // namespace cascade::model::kernels
