#include "model/cache/block_pool.h"

#include <cassert>

namespace cascade::model {

BlockPool::BlockPool(std::size_t num_blocks) : references_(num_blocks, 0) {
  free_.reserve(num_blocks);
  for (std::size_t id = num_blocks; id-- > 0;) free_.push_back(static_cast<BlockId>(id));
}

BlockId BlockPool::Acquire() {
  assert(!free_.empty());
  const BlockId id = free_.back();
  free_.pop_back();
  references_[id] = 1;
  return id;
}

void BlockPool::AddReference(BlockId id) {
  assert(references_[id] > 0);
  ++references_[id];
}

void BlockPool::Release(BlockId id) {
  assert(references_[id] > 0);
  if (--references_[id] == 0) free_.push_back(id);
}

}  // namespace cascade::model
