// Who holds which block of the KV cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cascade::model {

// Names a block: 16 positions of keys and values of every layer.
using BlockId = std::uint32_t;

// A fixed number of blocks, each free or held by one or more holders. It counts; the floats are the
// KvCache's. Freed blocks are handed out again last in, first out, while they are still warm.
//
// Not thread-safe: the worker's alone.
class BlockPool {
 public:
  explicit BlockPool(std::size_t num_blocks);

  std::size_t num_blocks() const { return references_.size(); }
  std::size_t free_blocks() const { return free_.size(); }

  // A free block, held once. REQUIRES: free_blocks() > 0.
  BlockId Acquire();

  // One holder more. REQUIRES: `id` is held.
  void AddReference(BlockId id);

  // One holder less; the last one frees the block. REQUIRES: `id` is held.
  void Release(BlockId id);

  std::size_t references(BlockId id) const { return references_[id]; }

 private:
  std::vector<std::uint32_t> references_;  // [num_blocks]; 0 is free
  std::vector<BlockId> free_;              // a stack
};

}  // namespace cascade::model
