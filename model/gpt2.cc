// SPDX-License-Identifier: Apache-2.0

#include "model/gpt2.h"

#include <utility>

#include "model/layers/embedding.h"
#include "model/layers/final_norm.h"
#include "model/layers/lm_head.h"
#include "model/layers/step_context.h"
#include "model/layers/transformer_block.h"

namespace cascade::model {

Gpt2::Gpt2(const ModelConfig& config, Gpt2Weights weights, std::size_t max_rows, Executor& executor)
    : config_(config),
      weights_(std::move(weights)),
      executor_(executor),
      scratch_(config_, max_rows),
      hidden_(max_rows, config_.n_embd) {}

StepOutputs Gpt2::Forward(const Batch& batch, const OutputRows& rows, KvCache& cache) {
  const MatF hidden = hidden_.Rows(batch.rows());
  const ConstMatF wpe(weights_.wpe.data(), config_.n_ctx, config_.n_embd);

  const StepContext step{.config = config_,
                         .batch = batch,
                         .cache = cache,
                         .executor = executor_,
                         .scratch = scratch_};
  Embed(weights_.wte, wpe, batch, executor_, hidden);
  for (std::size_t layer = 0; layer < config_.n_layer; ++layer) {
    TransformerBlock(weights_.h[layer], layer, step, hidden);
  }
  return {.logits = Logits(hidden, rows.logits), .hidden = FinalHidden(hidden, rows.hidden)};
}

ConstMatF Gpt2::Logits(ConstMatF hidden, std::span<const RowRange> rows) {
  const std::size_t count = CountRows(rows);
  if (count == 0) return {};
  if (count > logits_.rows()) logits_ = Tensor(count, config_.vocab_size);
  const MatF normed = scratch_.normed.Rows(count);
  const MatF logits = logits_.Rows(count);
  FinalNorm(weights_.ln_f, hidden, rows, config_.layer_norm_epsilon, executor_, normed);
  LmHead(weights_.Head(), normed, executor_, scratch_.matmul, logits);
  return logits;
}

ConstMatF Gpt2::FinalHidden(ConstMatF hidden, std::span<const RowRange> rows) {
  const std::size_t count = CountRows(rows);
  if (count == 0) return {};
  if (count > final_.rows()) final_ = Tensor(count, config_.n_embd);
  const MatF final = final_.Rows(count);
  FinalNorm(weights_.ln_f, hidden, rows, config_.layer_norm_epsilon, executor_, final);
  return final;
}

}  // namespace cascade::model
