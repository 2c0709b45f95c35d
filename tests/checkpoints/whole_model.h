// Runs the whole model on one sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/layers/scratch.h"
#include "model/row_range.h"
#include "model/token.h"

namespace cascade::testing {

// Logits after the given positions (ascending) of a new sequence `tokens`, which goes through the
// model at most `chunk` positions at a time. [positions.size(), vocab_size]
inline model::Tensor LogitsAt(model::Gpt2& model, model::KvCache& cache,
                              std::span<const model::TokenId> tokens,
                              std::span<const std::size_t> positions, std::size_t chunk) {
  const model::BlockTable blocks = *cache.TryAllocate(tokens.size());
  model::Tensor result(positions.size(), model.config().vocab_size);
  std::size_t done = 0;
  for (std::size_t start = 0; start < tokens.size(); start += chunk) {
    const std::size_t end = std::min(start + chunk, tokens.size());
    std::vector<model::RowRange> rows;
    for (std::size_t i = done; i < positions.size() && positions[i] < end; ++i) {
      rows.push_back({.first = positions[i] - start, .count = 1});
    }
    model::Batch batch;
    batch.Add(blocks, start, tokens.subspan(start, end - start));
    const model::ConstMatF logits =
        model.Forward(batch, {.logits = rows, .hidden = {}}, cache).logits;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::ranges::copy(logits.Row(i), result.Rows(result.rows()).Row(done + i).begin());
    }
    done += rows.size();
  }
  return result;
}

using Ranges = std::vector<model::RowRange>;

// A sequence as one batch, which can be run again and again. Borrows model, cache and tokens.
class WholeSequence {
 public:
  WholeSequence(model::Gpt2& model, model::KvCache& cache, std::span<const model::TokenId> tokens)
      : model_(model), cache_(cache), blocks_(*cache.TryAllocate(tokens.size())) {
    batch_.Add(blocks_, 0, tokens);
  }

  model::StepOutputs Forward(const Ranges& logits, const Ranges& hidden) {
    return model_.Forward(batch_, {.logits = logits, .hidden = hidden}, cache_);
  }

 private:
  model::Gpt2& model_;
  model::KvCache& cache_;
  model::BlockTable blocks_;
  model::Batch batch_;
};

// 0, 1, ..., count - 1.
inline std::vector<std::size_t> FirstPositions(std::size_t count) {
  std::vector<std::size_t> positions(count);
  for (std::size_t i = 0; i < count; ++i) positions[i] = i;
  return positions;
}

}  // namespace cascade::testing
