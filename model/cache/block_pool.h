// Who holds which block of the KV cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <vector>

namespace cascade::model {

// Names a block: 16 positions of keys and values of every layer.
using BlockId = std::uint32_t;

// A fixed number of blocks. Each is empty, held by one or more holders, or idle: held by nobody,
// but with contents that are worth keeping until the place is needed. It counts; the numbers are
// the KvCache's.
//
// Empty blocks are handed out last in, first out, while they are still warm; idle ones only when no
// empty one is left, the one that was held the longest ago first.
//
// Not thread-safe: the worker's alone.
class BlockPool {
 public:
  explicit BlockPool(std::size_t num_blocks);

  std::size_t num_blocks() const { return blocks_.size(); }

  // Blocks that Acquire can hand out: the empty ones and the idle ones.
  std::size_t free_blocks() const { return empty_.size() + idle_.size(); }
  std::size_t idle_blocks() const { return idle_.size(); }

  // A block, held once. REQUIRES: free_blocks() > 0.
  struct Acquired {
    BlockId id = 0;
    bool was_idle = false;  // its contents were kept, and are now lost
  };
  Acquired Acquire();

  // One holder more; an idle block is held again. REQUIRES: `id` is held or idle.
  void AddReference(BlockId id);

  // One holder less; the last one leaves the block idle if its contents are kept, else empty.
  // REQUIRES: `id` is held.
  void Release(BlockId id);

  // Marks the contents of `id` as worth keeping, until Acquire takes it. REQUIRES: `id` is held.
  void Keep(BlockId id);

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
