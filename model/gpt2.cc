#include "model/gpt2.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "model/layers/embedding.h"
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

ConstMatF Gpt2::Forward(const Batch& batch, std::span<const std::size_t> logit_rows,
                        KvCache& cache) {
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

  if (logit_rows.empty()) return {};
  if (logit_rows.size() > logits_.rows()) logits_ = Tensor(logit_rows.size(), config_.vocab_size);
  const MatF logits = logits_.Rows(logit_rows.size());
  LmHead({.ln_f = weights_.ln_f, .head = weights_.Head()}, step, hidden, logit_rows, logits);
  return logits;
}

}  // namespace cascade::model
