// SPDX-License-Identifier: Apache-2.0
// The rows of one step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/cache/kv_cache.h"
#include "model/token.h"

namespace cascade::model {

// Consecutive positions of one sequence: its whole prompt, a piece of it, or one decode token.
struct Chunk {
  const BlockTable* blocks = nullptr;  // the sequence's place in the cache; covers the positions
  std::size_t start = 0;               // position of the first token
  std::span<const TokenId> tokens;     // at least one
  std::size_t row = 0;                 // where its rows begin in the batch; set by Batch::Add
};

// A flat batch: the chunks' rows one after the other, from any number of sequences at any
// positions. No two chunks may be of the same sequence. Borrows tables and tokens until the step is
// done.
class Batch {
 public:
  // Appends a chunk. REQUIRES: `blocks` covers start + tokens.size() positions, and the positions
  // before `start` were written by earlier steps.
  void Add(const BlockTable& blocks, std::size_t start, std::span<const TokenId> tokens) {
    chunks_.push_back({&blocks, start, tokens, rows_});
    rows_ += tokens.size();
  }

  void Clear() {
    chunks_.clear();
    rows_ = 0;
  }

  std::span<const Chunk> chunks() const { return chunks_; }
  std::size_t rows() const { return rows_; }

 private:
  std::vector<Chunk> chunks_;
  std::size_t rows_ = 0;
};

}  // namespace cascade::model
