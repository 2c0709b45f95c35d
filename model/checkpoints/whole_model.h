// SPDX-License-Identifier: Apache-2.0
// The whole model on one sequence, run as checkpoints 8, 9 and 12 and their property tests want it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"
#include "model/row_range.h"
#include "model/token.h"

namespace cascade::model {

using RowRanges = std::vector<RowRange>;

// 0, 1, ..., count - 1.
std::vector<std::size_t> FirstPositions(std::size_t count);

// Logits after the given positions (ascending) of a new sequence `tokens`, which goes through the
// model at most `chunk` positions at a time: [positions, vocab_size]. REQUIRES: `cache` has free
// blocks for the tokens.
Tensor LogitsAt(LanguageModel& model, KvCache& cache, std::span<const TokenId> tokens,
                std::span<const std::size_t> positions, std::size_t chunk);

// A sequence as one batch, which can be run again and again. Borrows model, cache and tokens.
class WholeSequence {
 public:
  // REQUIRES: `cache` has free blocks for the tokens.
  WholeSequence(LanguageModel& model, KvCache& cache, std::span<const TokenId> tokens);

  StepOutputs Forward(const RowRanges& logits, const RowRanges& hidden);

 private:
  LanguageModel& model_;
  KvCache& cache_;
  BlockTable blocks_;
  Batch batch_;
};

// Rows, and orders of rows, that a batch of `count` rows may be asked for: one, several, out of
// order, overlapping, all backwards.
std::vector<RowRanges> Selections(std::size_t count);

// "rows 3+1, 7+2": the first row and the number of rows of each range.
std::string Describe(const RowRanges& ranges);

// The rows of `all` that `ranges` name, in their order.
Tensor Select(ConstMatF all, const RowRanges& ranges);

}  // namespace cascade::model
