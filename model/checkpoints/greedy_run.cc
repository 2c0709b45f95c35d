// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/greedy_run.h"

#include <utility>

namespace cascade::model {

std::vector<TokenId> TokensOf(const Generation& generation) {
  std::vector<TokenId> ids;
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  return ids;
}

GreedyRun::GreedyRun(Gpt2& model, Tokenizer tokenizer, KvCache cache)
    : model_(model),
      tokenizer_(std::make_unique<Tokenizer>(std::move(tokenizer))),
      cache_(std::make_unique<KvCache>(std::move(cache))) {}

absl::StatusOr<GreedyRun> GreedyRun::Create(CheckedModel& model) {
  absl::StatusOr<Tokenizer> tokenizer = model.LoadTokenizer();
  if (!tokenizer.ok()) return tokenizer.status();
  const absl::StatusOr<Gpt2*> whole = model.WholeModel();
  if (!whole.ok()) return whole.status();
  absl::StatusOr<KvCache> cache = model.MakeCache(model.config().n_ctx);
  if (!cache.ok()) return cache.status();
  return GreedyRun(**whole, *std::move(tokenizer), *std::move(cache));
}

absl::StatusOr<Generation> GreedyRun::Generate(std::span<const TokenId> prompt,
                                               std::size_t max_new_tokens,
                                               const std::vector<TokenId>& eos_token_ids) {
  GenerationParams params;
  params.sampling.temperature = 0.0F;
  params.stopping.max_new_tokens = max_new_tokens;
  params.stopping.eos_token_ids = eos_token_ids;
  Generator generator(model_, *tokenizer_, *cache_);
  return generator.Generate(prompt, params, [](const DecodingStep&) {});
}

}  // namespace cascade::model
