// SPDX-License-Identifier: Apache-2.0
// GPT-2: the whole model.
//
//   hidden = wte[token] + wpe[position]
//   for each block: hidden += Attention(LayerNorm(hidden)); hidden += Ffn(LayerNorm(hidden))
//   final = LayerNorm(hidden);  logits = final * head
//
// Reference: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; Hugging
// Face GPT2LMHeadModel.
#pragma once

#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/language_model.h"
#include "model/layers/batch.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"
#include "model/row_range.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// Owns the weights and the scratch of one step. One thread at a time (the executor's threads inside
// Forward aside).
class Gpt2 final : public LanguageModel {
 public:
  // For steps of at most `max_rows` rows. `executor` is borrowed and must outlive the model.
  Gpt2(const ModelConfig& config, Gpt2Weights weights, std::size_t max_rows, Executor& executor);

  // As LanguageModel: not the batch, the chunking, the executor or the SIMD target changes a row's
  // outputs, to the last bit. Cost: no allocation after the largest step.
  StepOutputs Forward(const Batch& batch, const OutputRows& rows, KvCache& cache) override;

  const ModelConfig& config() const override { return config_; }
  std::size_t max_rows() const override { return hidden_.rows(); }

 private:
  ConstMatF Logits(ConstMatF hidden, std::span<const RowRange> rows);
  ConstMatF FinalHidden(ConstMatF hidden, std::span<const RowRange> rows);

  ModelConfig config_;
  Gpt2Weights weights_;
  Executor& executor_;
  LayerScratch scratch_;
  Tensor hidden_;  // [max_rows, n_embd]
  Tensor logits_;  // [largest number of rows asked for so far, vocab_size]
  Tensor final_;   // [likewise, n_embd]
};

}  // namespace cascade::model
