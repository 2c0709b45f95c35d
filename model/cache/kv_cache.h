// SPDX-License-Identifier: Apache-2.0
// Key/value cache: checkpoint 3.
//
// A pool of fixed blocks of 16 positions, allocated once. A block is the keys and values of every
// layer and head, in the layout of kernels/kv_block.h and of one type: float32, or 16 bits, which a
// write rounds to. The keys (and the values) of one head in all blocks lie together,
// [layer][head][keys, values][block], so that a sequence whose blocks are neighbors is read in long
// runs. A sequence
// is a table of block ids; position p is row p % 16 of its block p / 16. Blocks are
// reference-counted, so that sequences can share a common prefix.
//
// Not thread-safe, with one exception: during a step, several threads may call Write and Read for
// different (layer, head, sequence) at once.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "model/cache/block_allocator.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/element_types.h"
#include "model/kernels/kv_block.h"
#include "model/mat_view.h"

namespace cascade::model {

// One head of one transformer block.
struct HeadIndex {
  std::size_t layer = 0;
  std::size_t head = 0;
};

// One head of one sequence as the attention kernels read it. Borrows cache and block table.
struct HeadKeysValues {
  kernels::HeadBlocks keys;
  kernels::HeadBlocks values;
};

class KvCache {
 public:
  // Allocates `num_blocks` blocks for a model of this shape. RESOURCE_EXHAUSTED, with the bytes, if
  // there is not enough memory. Touches all of it now, by the executor's threads or by the calling
  // one, so that the process does not grow under load.
  static absl::StatusOr<KvCache> Create(const ModelConfig& config, std::size_t num_blocks,
                                        kernels::KvType type, Executor& executor);
  static absl::StatusOr<KvCache> Create(const ModelConfig& config, std::size_t num_blocks,
                                        kernels::KvType type = kernels::KvType::kF32);

  static std::size_t BytesPerBlock(const ModelConfig& config,
                                   kernels::KvType type = kernels::KvType::kF32);

  kernels::KvType type() const { return type_; }

  // Which table has which block.
  BlockAllocator& blocks() { return blocks_; }
  const BlockAllocator& blocks() const { return blocks_; }

  // The part of blocks() that a sequence needs which shares nothing with others.
  static std::size_t BlocksFor(std::size_t positions) {
    return BlockAllocator::BlocksFor(positions);
  }
  std::optional<BlockTable> TryAllocate(std::size_t positions) {
    return blocks_.TryAllocate(positions);
  }

  // A second sequence that goes on from the first `positions` positions of `from`, whose keys and
  // values it then has too; its table covers `capacity` positions. Full blocks are shared, not
  // copied: at most one block, which `positions` ends in, is. Nothing, and nothing changes, if not
  // enough blocks are free. What either sequence writes from `positions` on, the other never sees.
  // REQUIRES: as BlockAllocator::TryFork. Not while a step runs.
  // Cost: a copy of up to BytesPerBlock bytes.
  std::optional<BlockTable> TryFork(const BlockTable& from, std::size_t positions,
                                    std::size_t capacity);

  std::size_t num_blocks() const { return blocks_.num_blocks(); }
  std::size_t free_blocks() const { return blocks_.free_blocks(); }

  // Writes one head's keys and values for positions [start, start + keys.rows()), rounded to the
  // cache's type.
  //   keys, values : [rows, head_dim], any stride
  // Touches nothing else. REQUIRES: `blocks` covers the positions.
  void Write(const BlockTable& blocks, HeadIndex head, std::size_t start, ConstMatF keys,
             ConstMatF values);

  HeadKeysValues Read(const BlockTable& blocks, HeadIndex head) const;

 private:
  KvCache(const ModelConfig& config, std::size_t num_blocks, kernels::KvType type,
          kernels::AlignedBuffer<std::byte> storage);

  // Bytes before the keys (values) that `head` has in block 0.
  std::size_t KeyOffset(HeadIndex head) const;
  std::size_t ValueOffset(HeadIndex head) const;

  // Copies the keys and values of all layers and heads.
  void CopyBlock(BlockId from, BlockId to);

  kernels::KvType type_;
  std::size_t n_layer_;
  std::size_t n_head_;
  std::size_t head_dim_;
  std::size_t key_bytes_;    // of one head in one block
  std::size_t value_bytes_;  // likewise
  BlockAllocator blocks_;
  kernels::AlignedBuffer<std::byte> storage_;
};

}  // namespace cascade::model
