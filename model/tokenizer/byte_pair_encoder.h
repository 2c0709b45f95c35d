// SPDX-License-Identifier: Apache-2.0
// Merges the bytes of one word into tokens.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "model/token.h"
#include "model/tokenizer/pair_ranks.h"
#include "model/tokenizer/vocabulary.h"

namespace cascade::model {

// Immutable; const calls from any thread, each thread with its own Scratch.
class BytePairEncoder {
 private:
  // A token of a word that is being merged, stored at the index of its first byte, so that indices
  // stay valid while tokens are joined.
  struct Symbol {
    TokenId id;
    std::uint32_t previous;  // indices of its neighbors
    std::uint32_t next;
    std::uint32_t rank;  // of the merge with `next`; kNoRank if the two do not merge
  };

 public:
  // Working memory that the caller keeps between words, so that only a word longer than all before
  // it allocates.
  class Scratch {
    friend class BytePairEncoder;
    std::vector<Symbol> symbols_;
    std::vector<std::uint64_t> candidates_;  // a heap of rank << 32 | index, the lowest on top
  };

  // `vocabulary` must outlive this.
  explicit BytePairEncoder(const Vocabulary& vocabulary);

  // Appends the tokens of `word` (any bytes, fewer than 2^32 - 1) to `ids`.
  //
  // Reference: start with one token for each byte; as long as two neighbors merge, apply the merge
  // with the lowest rank, the leftmost of equals.
  // Cost: one look-up if the word is a token that its own bytes merge to; otherwise O(n log n) for
  // n bytes.
  void Encode(absl::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;

 private:
  static constexpr std::uint32_t kNoRank = PairRanks::kNone;

  void Begin(absl::string_view word, Scratch& scratch) const;
  void Merge(std::uint32_t left, Scratch& scratch) const;
  void MergeWord(absl::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;
  void MergeShortWord(absl::string_view word, std::vector<TokenId>& ids) const;
  void MergeLongWord(absl::string_view word, Scratch& scratch, std::vector<TokenId>& ids) const;

  std::array<TokenId, 256> byte_tokens_;
  PairRanks ranks_;
  std::vector<std::uint32_t> byte_ranks_;  // [256 * 256] ranks of pairs of bytes: most look-ups
  std::vector<TokenId> wholes_;            // the token that each merge makes, by rank
  // The tokens whose own bytes merge to them: words that need no merging.
  absl::flat_hash_map<absl::string_view, TokenId> words_;
};

}  // namespace cascade::model
