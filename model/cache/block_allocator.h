// SPDX-License-Identifier: Apache-2.0
// Gives sequences their blocks, shared where their beginnings are the same.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/cache/block_pool.h"
#include "model/cache/prefix_index.h"
#include "model/cache/prefix_observer.h"
#include "model/kernels/kv_block.h"
#include "model/token.h"

namespace cascade::model {

// A sequence's blocks, in order of position. Move-only; its destructor gives the blocks back. Must
// not outlive its allocator.
class BlockTable {
 public:
  BlockTable() = default;
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&& other) noexcept;
  ~BlockTable() { Reset(); }

  // Gives the blocks back now.
  void Reset();

  std::span<const BlockId> ids() const { return ids_; }

  // Positions that the blocks cover.
  std::size_t capacity() const { return ids_.size() * kernels::kBlockPositions; }

 private:
  friend class BlockAllocator;
  explicit BlockTable(BlockPool* pool) : pool_(pool) {}

  BlockPool* pool_ = nullptr;
  std::vector<BlockId> ids_;
  bool salted_ = false;        // runs under a salt that is not empty
  std::size_t published_ = 0;  // blocks, from the first on, that are shared or offered for sharing
  PrefixHash prefix_;          // of those
};

// Hands out the blocks of a pool. A block whose 16 positions are all written can be published; it
// then serves every later sequence that begins with the same tokens under the same salt, also after
// its last holder has left, until the block is needed. A sequence only reads the blocks that it
// shares: positions that are still to be written always lie in a block of its own.
//
// Not thread-safe: only the worker's thread uses it.
class BlockAllocator {
 public:
  explicit BlockAllocator(std::size_t num_blocks);

  // Tells `observer`, which is borrowed, what can be shared from now on. Before the first Publish.
  void Observe(PrefixObserver* observer) { observer_ = observer; }

  // Blocks that hold `positions` positions.
  static std::size_t BlocksFor(std::size_t positions);

  std::size_t num_blocks() const { return pool_->num_blocks(); }

  // Blocks that no sequence holds, those that keep a prefix included.
  std::size_t free_blocks() const { return pool_->free_blocks(); }
  // Of the free blocks, those that keep a prefix.
  std::size_t cached_blocks() const { return pool_->idle_blocks(); }

  // A table that covers `positions` positions, or nothing if not enough blocks are free.
  std::optional<BlockTable> TryAllocate(std::size_t positions);

  // A table for a sequence that begins with `tokens`, to be run under `salt`. It begins with the
  // published blocks of the longest prefix of `tokens` that is cached, whose positions need not be
  // run; the last token is never among them, because its logits are wanted. Covers `positions`
  // positions. Nothing, and nothing changes, if not enough blocks are free. REQUIRES: positions >=
  // tokens.size() > 0.
  struct Shared {
    BlockTable table;
    std::size_t cached_tokens = 0;  // a multiple of 16
  };
  std::optional<Shared> TryAllocate(std::span<const TokenId> tokens, absl::string_view salt,
                                    std::size_t positions);

  // Extends `table` to cover `positions` positions. False, and nothing changes, if not enough
  // blocks are free.
  bool TryExtend(BlockTable& table, std::size_t positions);

  // Gives back the blocks of `table` behind those that cover `positions` positions.
  // REQUIRES: none of these was published.
  void Shrink(BlockTable& table, std::size_t positions);

  // A second table for what the first `positions` positions of `from` hold, that covers `capacity`
  // positions in all. It shares every block that lies below `positions` as a whole. If `positions`
  // ends inside a block, the new table has a block of its own in that place, into which the caller
  // must copy the contents (KvCache::TryFork does). Nothing, and nothing changes, if not enough
  // blocks are free. Both tables may then grow and be published, each with its own tokens.
  // REQUIRES: those positions are written, everything that `from` has published lies below
  // `positions`, and capacity >= positions.
  std::optional<BlockTable> TryFork(const BlockTable& from, std::size_t positions,
                                    std::size_t capacity);

  // Offers the blocks of `table` that are full for sharing: `tokens` are those whose keys and
  // values are written. REQUIRES: the table came from the TryAllocate with a salt, or was forked
  // from such a table, and `tokens` begins with the tokens that it was given.
  void Publish(BlockTable& table, std::span<const TokenId> tokens);

  // Forgets all that was published: no later sequence finds it. Tables keep their blocks.
  void ForgetPrefixes();

  // Whether no other table holds a block of `table` from `position` on, and none of them is
  // published. A sequence may write only where that is so.
  bool IsWritableFrom(const BlockTable& table, std::size_t position) const;

  // Checks that `tables`, which must be all tables of this allocator, hold each block as often as
  // it is counted, and that every block is held, idle or empty. INTERNAL, saying what is wrong,
  // otherwise. For tests and assertions: it allocates.
  absl::Status CheckConserved(std::span<const BlockTable* const> tables) const;

 private:
  // The published blocks that `tokens` begin with, at most `limit`.
  struct Prefix {
    std::vector<BlockId> ids;
    PrefixHash hash;
    std::size_t idle = 0;  // of the blocks, those that nobody holds
  };
  Prefix FindPrefix(std::span<const TokenId> tokens, absl::string_view salt,
                    std::size_t limit) const;
  BlockId Acquire();

  std::unique_ptr<BlockPool> pool_;  // on the heap: tables point to it when this object moves
  PrefixIndex index_;
  PrefixObserver* observer_ = nullptr;
  std::vector<bool> told_;  // [num_blocks]: the observer knows it as one that can be shared
};

}  // namespace cascade::model
