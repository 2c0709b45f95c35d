// SPDX-License-Identifier: Apache-2.0

#include "model/cache/block_pool.h"

#include <cassert>

namespace cascade::model {

BlockPool::BlockPool(std::size_t num_blocks) : blocks_(num_blocks) {
  empty_.reserve(num_blocks);
  for (std::size_t i = num_blocks; i-- > 0;) {
    const auto id = static_cast<BlockId>(i);
    empty_.push_back(id);
    blocks_[id].node = not_idle_.insert(not_idle_.end(), id);
  }
}

BlockPool::Acquired BlockPool::Acquire() {
  assert(free_blocks() > 0);
  const bool was_idle = empty_.empty();
  const BlockId id = was_idle ? idle_.front() : empty_.back();
  Block& block = blocks_[id];
  if (was_idle) {
    not_idle_.splice(not_idle_.end(), idle_, block.node);
  } else {
    empty_.pop_back();
  }
  block.references = 1;
  block.kept = false;
  return {.id = id, .was_idle = was_idle};
}

void BlockPool::AddReference(BlockId id) {
  Block& block = blocks_[id];
  assert(block.references > 0 || block.kept);
  if (block.references == 0) not_idle_.splice(not_idle_.end(), idle_, block.node);
  ++block.references;
}

void BlockPool::Release(BlockId id) {
  Block& block = blocks_[id];
  assert(block.references > 0);
  if (--block.references > 0) return;
  if (block.kept) {
    idle_.splice(idle_.end(), not_idle_, block.node);
  } else {
    empty_.push_back(id);
  }
}

void BlockPool::Forget(BlockId id) {
  Block& block = blocks_[id];
  assert(block.kept);
  block.kept = false;
  if (block.references > 0) return;
  not_idle_.splice(not_idle_.end(), idle_, block.node);
  empty_.push_back(id);
}

void BlockPool::Keep(BlockId id) {
  assert(blocks_[id].references > 0);
  blocks_[id].kept = true;
}

}  // namespace cascade::model
