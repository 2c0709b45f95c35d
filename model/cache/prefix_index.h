// SPDX-License-Identifier: Apache-2.0
// Which blocks hold which beginnings of sequences: a map from prefixes to blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "model/cache/block_pool.h"
#include "model/kernels/kv_block.h"
#include "model/token.h"

namespace cascade::model {

// The tokens of one full block.
using BlockTokens = std::span<const TokenId, kernels::kBlockPositions>;

// Names a beginning of a sequence: a salt, and whole blocks of tokens. 128 bits, chained: the name
// of n + 1 blocks is the hash of (the name of n blocks, 16 tokens).
struct PrefixHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend bool operator==(const PrefixHash&, const PrefixHash&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PrefixHash& hash) {
    return H::combine(std::move(h), hash.low, hash.high);
  }
};

// Finds the block that continues a prefix with 16 given tokens. A hash only leads to the entry; the
// tokens themselves decide. Hashes are keyed with a secret of this object, so that a client cannot
// construct prompts whose hashes collide.
//
// Not thread-safe: only the worker's thread uses it.
class PrefixIndex {
 public:
  // For block ids below `num_blocks`. `secret` should be random, except in tests.
  PrefixIndex(std::size_t num_blocks, std::uint64_t secret);

  // The empty prefix under `salt`. Sequences of different salts never share a block.
  PrefixHash Root(absl::string_view salt) const;

  // The prefix that `tokens` extend `prefix` to.
  PrefixHash Extend(const PrefixHash& prefix, BlockTokens tokens) const;

  // The block with `tokens` that extends `parent` to `prefix`, if one is in the index.
  // REQUIRES: prefix == Extend(parent, tokens).
  std::optional<BlockId> Find(const PrefixHash& prefix, const PrefixHash& parent,
                              BlockTokens tokens) const;

  // Enters `block`. False, and nothing changes, if another block has these tokens already.
  // REQUIRES: prefix == Extend(parent, tokens); `block` is not in the index.
  bool Insert(const PrefixHash& prefix, const PrefixHash& parent, BlockTokens tokens,
              BlockId block);

  // Forgets `block`, whose prefix it returns. REQUIRES: it is in the index.
  PrefixHash Erase(BlockId block);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    PrefixHash parent;
    std::array<TokenId, kernels::kBlockPositions> tokens;
    BlockId block = 0;
  };

  std::uint64_t secret_;
  absl::flat_hash_map<PrefixHash, Entry> entries_;
  std::vector<PrefixHash> prefix_of_;  // [num_blocks], of those in the index
};

}  // namespace cascade::model
