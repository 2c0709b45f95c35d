// SPDX-License-Identifier: Apache-2.0
// How keys and values lie in the cache: one head's part of a block of 16 positions.
//
//   keys   : [head_dim][16]    transposed, so that a score's lanes run along positions
//   values : [16][head_dim]    so that a value's lanes run along head_dim
//
// Of the float types both are matrices as float_rows.h lays them out: elements are rounded to
// nearest, ties to even, when they are written and widened exactly when they are read.
//
// Of int8 both are bytes, followed by 16 float32 scales, one for each position:
//
//   scale = largest / 127        q[d] = round(x[d] * (127 / largest)), ties to even
//
// with the largest magnitude of the key (value) of that position. It is read as q * scale, rounded
// once, at most scale / 2 (and a few units in the last place) away. A key (value) whose scale would
// be below the smallest normal float is zeros; one with a NaN or an infinity is NaN throughout. The
// bytes lie in pairs, because attention multiplies two at a time:
//
//   keys   : [head_dim / 2, rounded up][16][2]
//   values : [8][head_dim rounded up to 16][2]    the pair is two positions
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/element_types.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

// Positions of one KV block: one panel of lanes.
inline constexpr std::size_t kBlockPositions = 16;

// Bytes of one head's keys (values) in one block.
std::size_t KeyBytes(KvType type, std::size_t head_dim);
std::size_t ValueBytes(KvType type, std::size_t head_dim);

// Writes the keys (values) of consecutive positions, [rows, head_dim], any stride, to the places of
// positions [slot, slot + rows) of the 16.
void WriteKeys(KvType type, ConstMatF keys, std::size_t slot, std::byte* block);
void WriteValues(KvType type, ConstMatF values, std::size_t slot, std::byte* block);

// Reads the key (value) of one position back.
void ReadKey(KvType type, const std::byte* block, std::size_t slot, std::span<float> key);
void ReadValue(KvType type, const std::byte* block, std::size_t slot, std::span<float> value);

// The keys, or the values, of one head of one sequence: block b of the sequence lies at
// base + ids[b] * stride.
struct HeadBlocks {
  KvType type = KvType::kF32;
  const std::byte* base = nullptr;
  std::span<const std::uint32_t> ids;
  std::size_t stride = 0;  // bytes

  const std::byte* Block(std::size_t b) const { return base + ids[b] * stride; }
};

}  // namespace cascade::model::kernels
