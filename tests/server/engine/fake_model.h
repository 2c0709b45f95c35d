// SPDX-License-Identifier: Apache-2.0
// A model that steps in nanoseconds, for tests of who runs what, when and where.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/language_model.h"
#include "tests/server/engine/recording_sink.h"

namespace cascade::testing {

// 16 tokens, 64 positions, and next to nothing else.
model::ModelConfig FakeConfig();

// Its logits, and its hidden states, are a hash of all tokens up to a position. It remembers them
// as a real model does: in the KV cache, in the blocks of the sequence's table, and nowhere else.
// Before it answers it reads all that the sequence has written: a block that another sequence has
// written to, or that was shared or copied wrongly, is noticed.
//
// Its text goes round in circles for a while, now and then.
class FakeModel final : public model::LanguageModel {
 public:
  explicit FakeModel(std::size_t max_rows);

  model::StepOutputs Forward(const model::Batch& batch, const model::OutputRows& rows,
                             model::KvCache& cache) override;
  const model::ModelConfig& config() const override { return config_; }
  std::size_t max_rows() const override { return max_rows_; }

  // True once it has read what its sequence did not write.
  bool is_broken() const { return is_broken_; }

 private:
  void Run(const model::Chunk& chunk, model::KvCache& cache);

  model::ModelConfig config_;
  std::size_t max_rows_;
  std::vector<std::uint64_t> states_;  // [rows], of the step
  std::vector<float> logits_;          // [rows of logits, vocab_size]
  std::vector<float> hidden_;          // [rows of hidden states, n_embd = 1]
  bool is_broken_ = false;
};

// What choice `choice` of a request gets from it when it is alone, worked out with no cache, no
// batch and no blocks.
SinkRecord RunFakeAlone(std::span<const model::TokenId> prompt,
                        const model::GenerationParams& params, const model::Tokenizer& tokenizer,
                        std::uint32_t choice = 0);

// The answers that a request with beams gets from it when it is alone.
std::vector<SinkRecord> RunFakeBeamsAlone(std::span<const model::TokenId> prompt,
                                          const model::GenerationParams& params,
                                          const model::Tokenizer& tokenizer);

}  // namespace cascade::testing
