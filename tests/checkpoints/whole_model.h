// Runs the whole model on one sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/layers/scratch.h"
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
    std::vector<std::size_t> rows;
    for (std::size_t i = done; i < positions.size() && positions[i] < end; ++i) {
      rows.push_back(positions[i] - start);
    }
    model::Batch batch;
    batch.Add(blocks, start, tokens.subspan(start, end - start));
    const model::ConstMatF logits = model.Forward(batch, rows, cache);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::ranges::copy(logits.Row(i), result.Rows(result.rows()).Row(done + i).begin());
    }
    done += rows.size();
  }
  return result;
}

// 0, 1, ..., count - 1.
inline std::vector<std::size_t> FirstPositions(std::size_t count) {
  std::vector<std::size_t> positions(count);
  for (std::size_t i = 0; i < count; ++i) positions[i] = i;
  return positions;
}

}  // namespace cascade::testing
