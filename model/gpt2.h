// GPT-2: the whole model.
//
//   hidden = wte[token] + wpe[position]
//   for each block: hidden += Attention(LayerNorm(hidden)); hidden += Ffn(LayerNorm(hidden))
//   logits = LayerNorm(hidden) * head
//
// Reference: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; Hugging
// Face GPT2LMHeadModel.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/layers/batch.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// Owns the weights and the scratch of one step. One thread at a time (the executor's threads inside
// Forward aside).
class Gpt2 {
 public:
  // For steps of at most `max_rows` rows. `executor` is borrowed and must outlive the model.
  Gpt2(const ModelConfig& config, Gpt2Weights weights, std::size_t max_rows, Executor& executor);

  // Runs one step: writes the keys and values of the batch's rows to `cache` and returns the logits
  // of `logit_rows` (indices of the batch's rows, in any order), [logit_rows.size(), vocab_size],
  // valid until the next call.
  //
  // A row's logits depend on its sequence's tokens up to its position and on nothing else: not on
  // the batch, the chunking, the executor or the SIMD target, to the last bit.
  //
  // REQUIRES: batch.rows() <= max_rows(), tokens < vocab_size, positions < n_ctx.
  // Cost: no allocation after the largest step.
  ConstMatF Forward(const Batch& batch, std::span<const std::size_t> logit_rows, KvCache& cache);

  const ModelConfig& config() const { return config_; }
  std::size_t max_rows() const { return hidden_.rows(); }

 private:
  ModelConfig config_;
  Gpt2Weights weights_;
  Executor& executor_;
  LayerScratch scratch_;
  Tensor hidden_;  // [max_rows, n_embd]
  Tensor logits_;  // [largest number of logit rows so far, vocab_size]
};

}  // namespace cascade::model
