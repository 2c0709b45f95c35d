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

// Immutable; const calls from any thread, each with its own scratch.
class BytePairEncoder {
 private:
  // A token of the word while it is being merged, where its first byte was: [word.size()].
  struct Symbol {
    TokenId id;
    std::uint32_t previous;  // indices of its neighbors
    std::uint32_t next;
    std::uint32_t rank;  // of the merge with `next`; kNoRank: none
  };

 public:
  // Working memory that a caller keeps between words, so that only the longest one allocates.
  class Scratch {
    friend class BytePairEncoder;
    std::vector<Symbol> symbols_;
    std::vector<std::uint64_t> candidates_;  // a heap of rank:index, the least on top
  };

  // `vocabulary` must outlive this.
  explicit BytePairEncoder(const Vocabulary& vocabulary);

  // Appends the tokens of `word` (any bytes, fewer than 2^32 - 1) to `ids`.
  //
  // Reference: start with one token a byte; as long as two neighbors have a merge, do the one with
  // the best rank, the leftmost of equals.
  // Cost: a look-up if the result is one token; otherwise O(n log n) for n bytes.
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
  std::vector<std::uint32_t>
      byte_ranks_;               // [256 * 256] of a pair of bytes: most look-ups, made fast
  std::vector<TokenId> wholes_;  // by rank
  // The tokens that merging their own bytes gives: words that need no merging.
  absl::flat_hash_map<absl::string_view, TokenId> words_;
};

}  // namespace cascade::model
