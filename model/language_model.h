// SPDX-License-Identifier: Apache-2.0
// What runs a step: the line between the model and the code that schedules it.
#pragma once

#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/layers/batch.h"
#include "model/mat_view.h"
#include "model/row_range.h"

namespace cascade::model {

// What a step is asked for: rows of its batch, in any order. Borrows the ranges for the step.
//
//   one decoding sequence    : logits of its last row
//   a prompt's own log-probs : logits of all its rows
//   embeddings               : hidden states of its last row, or of all; no logits
struct OutputRows {
  std::span<const RowRange> logits = {};
  std::span<const RowRange> hidden = {};
};

// What it gives, row by row in the order of OutputRows. Views of the model's own memory, valid
// until its next step; without rows where none were asked for.
struct StepOutputs {
  ConstMatF logits;  // [CountRows(rows.logits), vocab_size]
  ConstMatF hidden;  // [CountRows(rows.hidden), n_embd]: final hidden states, after ln_f; the head
                     // makes logits of them. Hugging Face: last_hidden_state.
};

// A model that turns tokens into logits, with a KV cache for what it must remember of them. Gpt2 is
// the one that serves; a scheduler's test may bring another, which costs nothing.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  // Runs one step: writes the keys and values of the batch's rows to `cache` and returns what
  // `rows` asks for.
  //
  // A row's outputs depend on its sequence's tokens up to its position and on nothing else: not on
  // the other rows of the batch, nor on what else is asked for.
  //
  // REQUIRES: batch.rows() <= max_rows(), tokens < vocab_size, positions < n_ctx; of each output at
  // most max_rows() rows.
  virtual StepOutputs Forward(const Batch& batch, const OutputRows& rows, KvCache& cache) = 0;

  virtual const ModelConfig& config() const = 0;
  virtual std::size_t max_rows() const = 0;
};

}  // namespace cascade::model
