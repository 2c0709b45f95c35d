// SPDX-License-Identifier: Apache-2.0

#include "model/cache/kv_cache.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/kernels/element_types.h"

namespace cascade::model {
namespace {

using kernels::kBlockPositions;
using kernels::KeyBytes;
using kernels::KvType;
using kernels::ValueBytes;

// The least that a thread touches at a time: whole huge pages.
constexpr std::size_t kTouchBytes = std::size_t{16} << 20;

}  // namespace

absl::StatusOr<KvCache> KvCache::Create(const ModelConfig& config, std::size_t num_blocks,
                                        KvType type) {
  InlineExecutor executor;
  return Create(config, num_blocks, type, executor);
}

absl::StatusOr<KvCache> KvCache::Create(const ModelConfig& config, std::size_t num_blocks,
                                        KvType type, Executor& executor) {
  const std::size_t bytes_per_block = BytesPerBlock(config, type);
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
    kernels::AlignedBuffer<std::byte> storage(num_blocks * bytes_per_block);
    // Touched now, while the server starts: if memory is short, the kernel then kills a process
    // that has no clients yet, and not one under load.
    executor.ForRanges(storage.size(), kTouchBytes, [&](IndexRange range) {
      kernels::TouchPages(storage.data() + range.begin, range.end - range.begin);
    });
    return KvCache(config, num_blocks, type, std::move(storage));
  } catch (const std::bad_alloc&) {
    return refuse();
  }
}

KvCache::KvCache(const ModelConfig& config, std::size_t num_blocks, KvType type,
                 kernels::AlignedBuffer<std::byte> storage)
    : type_(type),
      n_layer_(config.n_layer),
      n_head_(config.n_head),
      head_dim_(config.head_dim()),
      key_bytes_(KeyBytes(type, head_dim_)),
      value_bytes_(ValueBytes(type, head_dim_)),
      blocks_(num_blocks),
      storage_(std::move(storage)) {}

std::size_t KvCache::BytesPerBlock(const ModelConfig& config, KvType type) {
  const std::size_t head_dim = config.head_dim();
  return config.n_layer * config.n_head * (KeyBytes(type, head_dim) + ValueBytes(type, head_dim));
}

std::optional<BlockTable> KvCache::TryFork(const BlockTable& from, std::size_t positions,
                                           std::size_t capacity) {
  std::optional<BlockTable> fork = blocks_.TryFork(from, positions, capacity);
  if (fork && positions % kBlockPositions != 0) {
    const std::size_t partial = positions / kBlockPositions;
    CopyBlock(from.ids()[partial], fork->ids()[partial]);
  }
  return fork;
}

void KvCache::Write(const BlockTable& blocks, HeadIndex head, std::size_t start, ConstMatF keys,
                    ConstMatF values) {
  assert(start + keys.rows() <= blocks.capacity());
  assert(keys.rows() == values.rows() && keys.cols() == head_dim_ && values.cols() == head_dim_);
  std::byte* const first_key = storage_.data() + KeyOffset(head);
  std::byte* const first_value = storage_.data() + ValueOffset(head);
  for (std::size_t r = 0; r < keys.rows();) {  // what lies in one block at a time
    const std::size_t slot = (start + r) % kBlockPositions;
    const std::size_t rows = std::min(kBlockPositions - slot, keys.rows() - r);
    const std::size_t id = blocks.ids()[(start + r) / kBlockPositions];
    kernels::WriteKeys(type_, keys.Rows(r, rows), slot, first_key + id * key_bytes_);
    kernels::WriteValues(type_, values.Rows(r, rows), slot, first_value + id * value_bytes_);
    r += rows;
  }
}

HeadKeysValues KvCache::Read(const BlockTable& blocks, HeadIndex head) const {
  return {.keys = {.type = type_,
                   .base = storage_.data() + KeyOffset(head),
                   .ids = blocks.ids(),
                   .stride = key_bytes_},
          .values = {.type = type_,
                     .base = storage_.data() + ValueOffset(head),
                     .ids = blocks.ids(),
                     .stride = value_bytes_}};
}

std::size_t KvCache::KeyOffset(HeadIndex head) const {
  return (head.layer * n_head_ + head.head) * num_blocks() * (key_bytes_ + value_bytes_);
}

std::size_t KvCache::ValueOffset(HeadIndex head) const {
  return KeyOffset(head) + num_blocks() * key_bytes_;
}

// The whole block, since a key's elements do not lie together; positions that the fork does not
// have are written before they are read, as in every block.
void KvCache::CopyBlock(BlockId from, BlockId to) {
  std::byte* const data = storage_.data();
  for (std::size_t layer = 0; layer < n_layer_; ++layer) {
    for (std::size_t head = 0; head < n_head_; ++head) {
      std::byte* const keys = data + KeyOffset({.layer = layer, .head = head});
      std::byte* const values = data + ValueOffset({.layer = layer, .head = head});
      std::copy_n(keys + from * key_bytes_, key_bytes_, keys + to * key_bytes_);
      std::copy_n(values + from * value_bytes_, value_bytes_, values + to * value_bytes_);
    }
  }
}

}  // namespace cascade::model
