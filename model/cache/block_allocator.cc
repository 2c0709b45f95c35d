// SPDX-License-Identifier: Apache-2.0

#include "model/cache/block_allocator.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <random>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

using kernels::kBlockPositions;

std::uint64_t RandomSecret() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

BlockTokens TokensOf(std::span<const TokenId> tokens, std::size_t block) {
  return BlockTokens(tokens.subspan(block * kBlockPositions, kBlockPositions));
}

}  // namespace

BlockTable::BlockTable(BlockTable&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      ids_(std::exchange(other.ids_, {})),
      salted_(other.salted_),
      published_(std::exchange(other.published_, 0)),
      prefix_(other.prefix_) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this != &other) {
    Reset();
    pool_ = std::exchange(other.pool_, nullptr);
    ids_ = std::exchange(other.ids_, {});
    salted_ = other.salted_;
    published_ = std::exchange(other.published_, 0);
    prefix_ = other.prefix_;
  }
  return *this;
}

void BlockTable::Reset() {
  // The last first: of a prefix that nobody holds, its end is given up before its beginning.
  for (auto id = ids_.rbegin(); id != ids_.rend(); ++id) pool_->Release(*id);
  ids_.clear();
  published_ = 0;
  pool_ = nullptr;
}

BlockAllocator::BlockAllocator(std::size_t num_blocks)
    : pool_(std::make_unique<BlockPool>(num_blocks)),
      index_(num_blocks, RandomSecret()),
      told_(num_blocks) {}

std::size_t BlockAllocator::BlocksFor(std::size_t positions) {
  return (positions + kBlockPositions - 1) / kBlockPositions;
}

std::optional<BlockTable> BlockAllocator::TryAllocate(std::size_t positions) {
  BlockTable table(pool_.get());
  if (!TryExtend(table, positions)) return std::nullopt;
  return table;
}

std::optional<BlockAllocator::Shared> BlockAllocator::TryAllocate(std::span<const TokenId> tokens,
                                                                  absl::string_view salt,
                                                                  std::size_t positions) {
  assert(positions >= tokens.size() && !tokens.empty());
  Prefix prefix = FindPrefix(tokens, salt, (tokens.size() - 1) / kBlockPositions);
  const std::size_t own_blocks = BlocksFor(positions) - prefix.ids.size();
  if (own_blocks + prefix.idle > pool_->free_blocks()) return std::nullopt;
  BlockTable table(pool_.get());
  table.ids_.reserve(BlocksFor(positions));
  for (const BlockId id : prefix.ids) {
    pool_->AddReference(id);
    table.ids_.push_back(id);
  }
  table.salted_ = !salt.empty();
  table.published_ = prefix.ids.size();
  table.prefix_ = prefix.hash;
  for (std::size_t i = 0; i < own_blocks; ++i) table.ids_.push_back(Acquire());
  return Shared{.table = std::move(table), .cached_tokens = prefix.ids.size() * kBlockPositions};
}

bool BlockAllocator::TryExtend(BlockTable& table, std::size_t positions) {
  const std::size_t blocks = BlocksFor(positions);
  if (blocks <= table.ids_.size()) return true;
  if (blocks - table.ids_.size() > pool_->free_blocks()) return false;
  table.ids_.reserve(blocks);
  while (table.ids_.size() < blocks) table.ids_.push_back(Acquire());
  return true;
}

void BlockAllocator::Shrink(BlockTable& table, std::size_t positions) {
  assert(table.published_ <= BlocksFor(positions));
  while (table.ids_.size() > BlocksFor(positions)) {
    pool_->Release(table.ids_.back());
    table.ids_.pop_back();
  }
}

std::optional<BlockTable> BlockAllocator::TryFork(const BlockTable& from, std::size_t positions,
                                                  std::size_t capacity) {
  const std::size_t shared = positions / kBlockPositions;
  assert(positions <= from.capacity() && positions <= capacity);
  assert(from.published_ <= shared);
  if (BlocksFor(capacity) - shared > pool_->free_blocks()) return std::nullopt;
  BlockTable fork(pool_.get());
  fork.ids_.reserve(BlocksFor(capacity));
  // A block below `positions` is full, so neither table will ever write to it again, published or
  // not.
  for (const BlockId id : from.ids().first(shared)) {
    pool_->AddReference(id);
    fork.ids_.push_back(id);
  }
  while (fork.ids_.size() < BlocksFor(capacity)) fork.ids_.push_back(Acquire());
  fork.salted_ = from.salted_;
  fork.published_ = from.published_;
  fork.prefix_ = from.prefix_;
  return fork;
}

void BlockAllocator::Publish(BlockTable& table, std::span<const TokenId> tokens) {
  assert(tokens.size() <= table.capacity());
  for (; (table.published_ + 1) * kBlockPositions <= tokens.size(); ++table.published_) {
    const BlockTokens block_tokens = TokensOf(tokens, table.published_);
    const PrefixHash parent =
        std::exchange(table.prefix_, index_.Extend(table.prefix_, block_tokens));
    const BlockId id = table.ids_[table.published_];
    // Another sequence may have published the same tokens first, this block perhaps (after a fork);
    // the index then keeps the entry that it has.
    if (!index_.Insert(table.prefix_, parent, block_tokens, id)) continue;
    pool_->Keep(id);
    if (observer_ == nullptr || table.salted_) continue;
    told_[id] = true;
    observer_->OnStored(table.published_ == 0 ? std::nullopt : std::optional<PrefixHash>(parent),
                        table.prefix_, block_tokens);
  }
}

void BlockAllocator::ForgetPrefixes() {
  for (BlockId id = 0; id < num_blocks(); ++id) {
    if (!pool_->is_kept(id)) continue;
    index_.Erase(id);
    pool_->Forget(id);
    told_[id] = false;
  }
  if (observer_ != nullptr) observer_->OnCleared();
}

bool BlockAllocator::IsWritableFrom(const BlockTable& table, std::size_t position) const {
  const std::size_t first = std::min(position / kBlockPositions, table.ids_.size());
  return std::ranges::all_of(table.ids().subspan(first), [this](BlockId id) {
    return pool_->references(id) == 1 && !pool_->is_kept(id);
  });
}

absl::Status BlockAllocator::CheckConserved(std::span<const BlockTable* const> tables) const {
  std::vector<std::size_t> holders(num_blocks(), 0);
  for (const BlockTable* table : tables) {
    for (const BlockId id : table->ids()) ++holders[id];
  }
  std::size_t kept = 0;
  for (BlockId id = 0; id < holders.size(); ++id) {
    kept += pool_->is_kept(id) ? 1U : 0U;
    if (holders[id] == pool_->references(id)) continue;
    return absl::InternalError(absl::StrCat("block ", id, " is held ", holders[id],
                                            " times and counted ", pool_->references(id)));
  }
  const auto free = static_cast<std::size_t>(std::ranges::count(holders, 0U));
  if (free == free_blocks() && kept == index_.size() && cached_blocks() <= kept) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat(num_blocks(), " blocks, of which ", free, " are held by nobody and ", kept,
                   " kept; ", free_blocks(), " are counted as free, ", cached_blocks(),
                   " of them idle, and ", index_.size(), " are in the index"));
}

BlockAllocator::Prefix BlockAllocator::FindPrefix(std::span<const TokenId> tokens,
                                                  absl::string_view salt, std::size_t limit) const {
  Prefix prefix{.ids = {}, .hash = index_.Root(salt), .idle = 0};
  for (std::size_t block = 0; block < limit; ++block) {
    const BlockTokens block_tokens = TokensOf(tokens, block);
    const PrefixHash extended = index_.Extend(prefix.hash, block_tokens);
    const std::optional<BlockId> id = index_.Find(extended, prefix.hash, block_tokens);
    if (!id) break;
    prefix.ids.push_back(*id);
    prefix.hash = extended;
    if (pool_->references(*id) == 0) ++prefix.idle;
  }
  return prefix;
}

BlockId BlockAllocator::Acquire() {
  const BlockPool::Acquired acquired = pool_->Acquire();
  if (!acquired.was_idle) return acquired.id;
  const PrefixHash prefix = index_.Erase(acquired.id);
  if (told_[acquired.id]) {
    told_[acquired.id] = false;
    observer_->OnRemoved(prefix);
  }
  return acquired.id;
}

}  // namespace cascade::model
