// What runs a step: the line between the model and whoever schedules it.
#pragma once

#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/layers/batch.h"
#include "model/mat_view.h"

namespace cascade::model {

// A model that turns tokens into logits, with a KV cache for what it must remember of them. Gpt2 is
// the one that serves; a scheduler's test may bring another, which costs nothing.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  // Runs one step: writes the keys and values of the batch's rows to `cache` and returns the logits
  // of `logit_rows` (indices of the batch's rows, in any order), [logit_rows.size(), vocab_size],
  // valid until the next call.
  //
  // A row's logits depend on its sequence's tokens up to its position and on nothing else.
  //
  // REQUIRES: batch.rows() <= max_rows(), tokens < vocab_size, positions < n_ctx.
  virtual ConstMatF Forward(const Batch& batch, std::span<const std::size_t> logit_rows,
                            KvCache& cache) = 0;

  virtual const ModelConfig& config() const = 0;
  virtual std::size_t max_rows() const = 0;
};

}  // namespace cascade::model
