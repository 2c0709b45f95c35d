#include "model/cache/kv_cache.h"

#include <cassert>
#include <limits>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

using kernels::kBlockPositions;

std::size_t BlockFloats(const ModelConfig& config) {
  return config.n_layer * 2 * config.n_embd * kBlockPositions;
}

}  // namespace

BlockTable::BlockTable(BlockTable&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), ids_(std::exchange(other.ids_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this != &other) {
    Reset();
    pool_ = std::exchange(other.pool_, nullptr);
    ids_ = std::exchange(other.ids_, {});
  }
  return *this;
}

void BlockTable::Reset() {
  for (const BlockId id : ids_) pool_->Release(id);
  ids_.clear();
  pool_ = nullptr;
}

absl::StatusOr<KvCache> KvCache::Create(const ModelConfig& config, std::size_t num_blocks) {
  const std::size_t bytes_per_block = BytesPerBlock(config);
  const auto refuse = [&] {
    return absl::ResourceExhaustedError(absl::StrCat("the KV cache's ", num_blocks, " blocks of ",
                                                     bytes_per_block,
                                                     " bytes are more memory than there is"));
  };
  const std::size_t limit = std::numeric_limits<BlockId>::max();
  if (num_blocks > limit ||
      num_blocks > std::numeric_limits<std::size_t>::max() / bytes_per_block) {
    return refuse();
  }
  try {
    kernels::AlignedBuffer<float> storage(num_blocks * BlockFloats(config));
    return KvCache(config, num_blocks, std::move(storage));
  } catch (const std::bad_alloc&) {
    return refuse();
  }
}

KvCache::KvCache(const ModelConfig& config, std::size_t num_blocks,
                 kernels::AlignedBuffer<float> storage)
    : n_head_(config.n_head),
      head_dim_(config.head_dim()),
      block_floats_(BlockFloats(config)),
      pool_(std::make_unique<BlockPool>(num_blocks)),
      storage_(std::move(storage)) {}

std::size_t KvCache::BytesPerBlock(const ModelConfig& config) {
  return BlockFloats(config) * sizeof(float);
}

std::size_t KvCache::BlocksFor(std::size_t positions) {
  return (positions + kBlockPositions - 1) / kBlockPositions;
}

std::optional<BlockTable> KvCache::TryAllocate(std::size_t positions) {
  const std::size_t count = BlocksFor(positions);
  if (count > pool_->free_blocks()) return std::nullopt;
  std::vector<BlockId> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i) ids.push_back(pool_->Acquire());
  return BlockTable(pool_.get(), std::move(ids));
}

void KvCache::Write(const BlockTable& blocks, HeadIndex head, std::size_t start, ConstMatF keys,
                    ConstMatF values) {
  assert(start + keys.rows() <= blocks.capacity());
  assert(keys.rows() == values.rows() && keys.cols() == head_dim_ && values.cols() == head_dim_);
  const std::size_t offset = Offset(head);
  for (std::size_t r = 0; r < keys.rows(); ++r) {
    const std::size_t position = start + r;
    const std::size_t slot = position % kBlockPositions;
    float* const key_block =
        storage_.data() + blocks.ids()[position / kBlockPositions] * block_floats_ + offset;
    float* const value_row = key_block + PlaneFloats() + slot * head_dim_;
    for (std::size_t d = 0; d < head_dim_; ++d) {
      key_block[d * kBlockPositions + slot] = keys.Row(r)[d];
      value_row[d] = values.Row(r)[d];
    }
  }
}

HeadKeysValues KvCache::Read(const BlockTable& blocks, HeadIndex head) const {
  const float* const keys = storage_.data() + Offset(head);
  return {.keys = {.base = keys, .ids = blocks.ids(), .stride = block_floats_},
          .values = {.base = keys + PlaneFloats(), .ids = blocks.ids(), .stride = block_floats_}};
}

std::size_t KvCache::Offset(HeadIndex head) const {
  return head.layer * 2 * PlaneFloats() + head.head * head_dim_ * kBlockPositions;
}

}  // namespace cascade::model
