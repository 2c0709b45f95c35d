// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/byte_pair_encoder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <functional>

#include "model/reserve.h"

namespace cascade::model {
namespace {

constexpr std::uint64_t Pack(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

// The index of two neighboring bytes in byte_ranks_.
std::size_t BytePair(char left, char right) {
  return static_cast<std::size_t>(static_cast<unsigned char>(left)) << 8 |
         static_cast<unsigned char>(right);
}

// As many bytes as a 64-bit mask has bits. For words up to this length, scanning all pairs for the
// best one is faster than keeping them in a heap (README.md, decision 5).
constexpr std::size_t kShortWord = 64;

// The bits of `mask` below (above) bit `i`.
std::uint64_t BitsBelow(std::uint64_t mask, std::size_t i) {
  return mask & ((std::uint64_t{1} << i) - 1);
}

std::uint64_t BitsAbove(std::uint64_t mask, std::size_t i) {
  return mask & (~std::uint64_t{1} << i);
}

std::size_t LowestBit(std::uint64_t mask) {
  return static_cast<std::size_t>(std::countr_zero(mask));
}

std::size_t HighestBit(std::uint64_t mask) {
  return static_cast<std::size_t>(std::bit_width(mask)) - 1;
}

}  // namespace

BytePairEncoder::BytePairEncoder(const Vocabulary& vocabulary)
    : byte_tokens_(vocabulary.byte_tokens), ranks_(vocabulary.merges.size()) {
  wholes_.reserve(vocabulary.merges.size());
  for (const struct Merge& merge : vocabulary.merges) {
    ranks_.Set(merge.left, merge.right, static_cast<std::uint32_t>(wholes_.size()));
    wholes_.push_back(merge.whole);
  }
  byte_ranks_.reserve(std::size_t{256} * 256);
  for (const TokenId left : byte_tokens_) {
    for (const TokenId right : byte_tokens_) byte_ranks_.push_back(ranks_.Find(left, right));
  }
  // In a vocabulary made by BPE training every token is what its own bytes merge to. A file need
  // not be one, so each token is tried; those that pass need no merging when they occur as words.
  Reserve(vocabulary.tokens.size(), words_);
  std::vector<bool> is_added(vocabulary.tokens.size());
  for (const AddedToken& added : vocabulary.added) is_added[added.id] = true;
  Scratch scratch;
  std::vector<TokenId> ids;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& bytes = vocabulary.tokens[id];
    if (bytes.empty() || (vocabulary.ignore_merges && is_added[id])) continue;
    ids.clear();
    MergeWord(bytes, scratch, ids);
    const bool is_word = vocabulary.ignore_merges || (ids.size() == 1 && ids[0] == id);
    if (is_word) words_.emplace(bytes, static_cast<TokenId>(id));
  }
}

void BytePairEncoder::Encode(absl::string_view word, Scratch& scratch,
                             std::vector<TokenId>& ids) const {
  if (const auto whole = words_.find(word); whole != words_.end()) {
    ids.push_back(whole->second);
  } else {
    MergeWord(word, scratch, ids);
  }
}

void BytePairEncoder::MergeWord(absl::string_view word, Scratch& scratch,
                                std::vector<TokenId>& ids) const {
  if (word.empty()) return;
  if (word.size() <= kShortWord) {
    MergeShortWord(word, ids);
  } else {
    MergeLongWord(word, scratch, ids);
  }
}

void BytePairEncoder::MergeShortWord(absl::string_view word, std::vector<TokenId>& ids) const {
  const std::size_t size = word.size();
  std::array<TokenId, kShortWord> tokens;       // each at the index of its first byte
  std::array<std::uint32_t, kShortWord> ranks;  // of the merge with the next token
  std::uint64_t begins = ~std::uint64_t{0} >> (kShortWord - size);  // a bit where a token begins
  for (std::size_t i = 0; i < size; ++i) {
    tokens[i] = byte_tokens_[static_cast<unsigned char>(word[i])];
    ranks[i] = i + 1 < size ? byte_ranks_[BytePair(word[i], word[i + 1])] : kNoRank;
  }
  while (true) {
    std::uint32_t best = kNoRank;
    std::size_t left = 0;
    for (std::size_t i = 0; i < size; ++i) {  // no branches: they would be mispredicted
      const bool better = ranks[i] < best;
      best = better ? ranks[i] : best;
      left = better ? i : left;
    }
    if (best == kNoRank) break;
    const std::uint64_t before = BitsBelow(begins, left);
    const std::uint64_t right = BitsAbove(begins, left);  // its lowest bit: the token to join
    const std::uint64_t after = right & (right - 1);
    begins ^= right ^ after;
    ranks[LowestBit(right)] = kNoRank;
    tokens[left] = wholes_[best];
    ranks[left] = after == 0 ? kNoRank : ranks_.Find(tokens[left], tokens[LowestBit(after)]);
    if (before == 0) continue;
    const std::size_t previous = HighestBit(before);
    ranks[previous] = ranks_.Find(tokens[previous], tokens[left]);
  }
  for (; begins != 0; begins &= begins - 1) ids.push_back(tokens[LowestBit(begins)]);
}

void BytePairEncoder::Begin(absl::string_view word, Scratch& scratch) const {
  assert(word.size() < kNoRank);
  const auto size = static_cast<std::uint32_t>(word.size());
  scratch.symbols_.resize(size);
  scratch.candidates_.clear();
  for (std::uint32_t i = 0; i < size; ++i) {
    Symbol& symbol = scratch.symbols_[i];
    symbol = {byte_tokens_[static_cast<unsigned char>(word[i])], i - 1, i + 1, kNoRank};
    if (i == 0) continue;
    Symbol& previous = scratch.symbols_[i - 1];
    previous.rank = byte_ranks_[BytePair(word[i - 1], word[i])];
    if (previous.rank != kNoRank) scratch.candidates_.push_back(Pack(previous.rank, i - 1));
  }
  std::make_heap(scratch.candidates_.begin(), scratch.candidates_.end(), std::greater<>());
}

// Joins the symbol at `left` with the next one.
void BytePairEncoder::Merge(std::uint32_t left, Scratch& scratch) const {
  const auto rank_again = [&](std::uint32_t i) {
    Symbol& symbol = scratch.symbols_[i];
    symbol.rank = ranks_.Find(symbol.id, scratch.symbols_[symbol.next].id);
    if (symbol.rank == kNoRank) return;
    scratch.candidates_.push_back(Pack(symbol.rank, i));
    std::push_heap(scratch.candidates_.begin(), scratch.candidates_.end(), std::greater<>());
  };
  Symbol& symbol = scratch.symbols_[left];
  Symbol& gone = scratch.symbols_[symbol.next];
  symbol.id = wholes_[symbol.rank];
  symbol.rank = kNoRank;
  symbol.next = gone.next;
  gone.rank = kNoRank;
  if (symbol.next < scratch.symbols_.size()) {
    scratch.symbols_[symbol.next].previous = left;
    rank_again(left);
  }
  if (left != 0) rank_again(symbol.previous);
}

void BytePairEncoder::MergeLongWord(absl::string_view word, Scratch& scratch,
                                    std::vector<TokenId>& ids) const {
  Begin(word, scratch);
  std::vector<std::uint64_t>& candidates = scratch.candidates_;
  while (!candidates.empty()) {
    const std::uint64_t best = candidates.front();
    std::pop_heap(candidates.begin(), candidates.end(), std::greater<>());
    candidates.pop_back();
    const auto left = static_cast<std::uint32_t>(best);
    // A candidate is stale if one of its two symbols was merged after it was pushed. Stale
    // candidates are skipped here, which is cheaper than removing them from the middle of the heap.
    if (scratch.symbols_[left].rank == best >> 32) Merge(left, scratch);
  }
  for (std::size_t i = 0; i < word.size(); i = scratch.symbols_[i].next) {
    ids.push_back(scratch.symbols_[i].id);
  }
}

}  // namespace cascade::model
