// SPDX-License-Identifier: Apache-2.0
// Greedy generation with a checked model: checkpoint 12 and the published continuations.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/checked_model.h"
#include "model/generation/generator.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {

std::vector<TokenId> TokensOf(const Generation& generation);

// Tokenizer, model and cache of one kind of run. Borrows the checked model's WholeModel(). One
// thread at a time.
class GreedyRun {
 public:
  // Errors as CheckedModel's.
  static absl::StatusOr<GreedyRun> Create(CheckedModel& model);

  // At most `max_new_tokens` tokens at temperature 0; the end-of-text tokens end them. Errors as
  // Generator::Generate.
  absl::StatusOr<Generation> Generate(std::span<const TokenId> prompt, std::size_t max_new_tokens,
                                      const std::vector<TokenId>& eos_token_ids);

  const Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  GreedyRun(Gpt2& model, Tokenizer tokenizer, KvCache cache);

  // On the heap: the generator's block tables point to the cache.
  Gpt2& model_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<KvCache> cache_;
};

}  // namespace cascade::model
