// SPDX-License-Identifier: Apache-2.0
// Which blocks of the KV cache are held, idle or empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace cascade::model {

// Names a block: 16 positions of keys and values of every layer.
using BlockId = std::uint32_t;

// A fixed number of blocks. Each is empty, held by one or more holders, or idle: held by nobody,
// but with contents that are worth keeping until the block is needed. The pool only tracks which
// blocks are held; the keys and values themselves are in KvCache.
//
// Empty blocks are handed out last in, first out, because the last one may still be in a cache of
// the CPU. Idle blocks are handed out only when no empty one is left, the least recently used
// first.
//
// Not thread-safe: only the worker's thread uses it.
class BlockPool {
 public:
  explicit BlockPool(std::size_t num_blocks);

  std::size_t num_blocks() const { return blocks_.size(); }

  // Blocks that Acquire can hand out: the empty ones and the idle ones.
  std::size_t free_blocks() const { return empty_.size() + idle_.size(); }
  std::size_t idle_blocks() const { return idle_.size(); }

  // Takes a free block, which then has one holder. REQUIRES: free_blocks() > 0.
  struct Acquired {
    BlockId id = 0;
    bool was_idle = false;  // its contents were kept, and are now lost
  };
  Acquired Acquire();

  // Adds a holder; an idle block is then held again. REQUIRES: `id` is held or idle.
  void AddReference(BlockId id);

  // Removes a holder. Without its last holder the block is idle if its contents are kept, else
  // empty. REQUIRES: `id` is held.
  void Release(BlockId id);

  // Marks the contents of `id` as worth keeping, until Acquire takes it. REQUIRES: `id` is held.
  void Keep(BlockId id);

  // The contents of `id` are worth nothing any more: an idle block is empty from now on.
  // REQUIRES: `id` is kept.
  void Forget(BlockId id);

  std::size_t references(BlockId id) const { return blocks_[id].references; }
  bool is_kept(BlockId id) const { return blocks_[id].kept; }

 private:
  struct Block {
    std::uint32_t references = 0;
    bool kept = false;
    std::list<BlockId>::iterator node;  // in idle_ or not_idle_
  };

  std::vector<Block> blocks_;
  std::vector<BlockId> empty_;   // a stack
  std::list<BlockId> idle_;      // the longest idle first
  std::list<BlockId> not_idle_;  // the nodes of all others: moving between lists never allocates
};

}  // namespace cascade::model
