// SPDX-License-Identifier: Apache-2.0

#include "model/cache/prefix_index.h"

#include <algorithm>
#include <cassert>

#include "model/reserve.h"
#include "xxhash.h"

namespace cascade::model {
namespace {

PrefixHash Hash(const void* data, std::size_t bytes, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(data, bytes, seed);
  return {.low = hash.low64, .high = hash.high64};
}

// What is hashed of one block.
struct Link {
  PrefixHash parent;
  std::array<TokenId, kernels::kBlockPositions> tokens;
};
static_assert(sizeof(Link) == sizeof(PrefixHash) + kernels::kBlockPositions * sizeof(TokenId),
              "no padding");

}  // namespace

PrefixIndex::PrefixIndex(std::size_t num_blocks, std::uint64_t secret)
    : secret_(secret), prefix_of_(num_blocks) {
  // Twice what is ever in it: erased places are then always reclaimed in place, so Insert never
  // allocates.
  Reserve(2 * num_blocks, entries_);
}

PrefixHash PrefixIndex::Root(absl::string_view salt) const {
  return Hash(salt.data(), salt.size(), secret_);
}

PrefixHash PrefixIndex::Extend(const PrefixHash& prefix, BlockTokens tokens) const {
  Link link{.parent = prefix, .tokens = {}};
  std::ranges::copy(tokens, link.tokens.begin());
  return Hash(&link, sizeof(link), secret_);
}

std::optional<BlockId> PrefixIndex::Find(const PrefixHash& prefix, const PrefixHash& parent,
                                         BlockTokens tokens) const {
  const auto found = entries_.find(prefix);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  if (entry.parent != parent || !std::ranges::equal(entry.tokens, tokens)) return std::nullopt;
  return entry.block;
}

bool PrefixIndex::Insert(const PrefixHash& prefix, const PrefixHash& parent, BlockTokens tokens,
                         BlockId block) {
  Entry entry{.parent = parent, .tokens = {}, .block = block};
  std::ranges::copy(tokens, entry.tokens.begin());
  if (!entries_.try_emplace(prefix, entry).second) return false;
  prefix_of_[block] = prefix;
  return true;
}

PrefixHash PrefixIndex::Erase(BlockId block) {
  const auto found = entries_.find(prefix_of_[block]);
  assert(found != entries_.end() && found->second.block == block);
  entries_.erase(found);
  return prefix_of_[block];
}

}  // namespace cascade::model
