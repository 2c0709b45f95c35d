// SPDX-License-Identifier: Apache-2.0

#include "model/layers/embedding.h"

#include <cassert>
#include <cstddef>

namespace cascade::model {

void Embed(const kernels::PackedMatrix& wte, ConstMatF wpe, const Batch& batch, Executor& executor,
           MatF hidden) {
  assert(hidden.rows() == batch.rows() && hidden.cols() == wte.n_in());
  const auto embed_row = [&](const Chunk& chunk, std::size_t i) {
    const std::span<float> out = hidden.Row(chunk.row + i);
    wte.CopyColumn(chunk.tokens[i], out);
    const std::span<const float> position = wpe.Row(chunk.start + i);
    for (std::size_t c = 0; c < out.size(); ++c) out[c] += position[c];
  };
  executor.ForRanges(batch.chunks().size(), 1, [&](IndexRange range) {
    for (const Chunk& chunk : batch.chunks().subspan(range.begin, range.end - range.begin)) {
      for (std::size_t i = 0; i < chunk.tokens.size(); ++i) embed_row(chunk, i);
    }
  });
}

}  // namespace cascade::model
