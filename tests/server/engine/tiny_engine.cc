// SPDX-License-Identifier: Apache-2.0

#include "tests/server/engine/tiny_engine.h"

#include <utility>

#include "model/cache/kv_cache.h"
#include "model/generation/token_log_probs.h"
#include "model/layers/batch.h"
#include "tests/support/random_weights.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

// Has no state.
model::InlineExecutor inline_executor;

}  // namespace

model::ModelConfig TinyConfig() {
  return {.n_layer = 2,
          .n_head = 2,
          .n_embd = 16,
          .n_inner = 64,
          .n_ctx = 64,
          .vocab_size = 200,
          .eos_token_ids = {}};
}

std::unique_ptr<model::Gpt2> MakeTinyModel(const TinyEngineOptions& options) {
  const model::ModelConfig config = TinyConfig();
  model::Executor& executor = options.executor != nullptr ? *options.executor : inline_executor;
  model::Gpt2Weights weights =
      RandomGpt2Weights(config, options.precision, /*seed=*/1, inline_executor);
  if (options.change_weights) options.change_weights(weights);
  return std::make_unique<model::Gpt2>(config, std::move(weights), options.worker.step_tokens,
                                       executor);
}

std::vector<model::GeneratedToken> ScorePromptAlone(model::LanguageModel& model,
                                                    model::KvCache& cache,
                                                    std::span<const model::TokenId> prompt,
                                                    const model::OutputParams& params) {
  std::vector<model::GeneratedToken> scored;
  if (!params.prompt_logprobs_from) return scored;
  const model::BlockTable blocks = *cache.TryAllocate(prompt.size());
  model::Batch batch;
  batch.Add(blocks, 0, prompt);
  const model::RowRange all{.first = 0, .count = prompt.size()};
  const model::ConstMatF logits = model.Forward(batch, {.logits = {&all, 1}}, cache).logits;
  for (std::size_t i = *params.prompt_logprobs_from; i < prompt.size(); ++i) {
    scored.push_back({.id = prompt[i], .log_probs = {}});
    if (i > 0) {
      scored.back().log_probs = model::LogProbsOf(logits.Row(i - 1), prompt[i], params);
    }
  }
  return scored;
}

std::vector<float> HiddenStatesAlone(model::LanguageModel& model, model::KvCache& cache,
                                     std::span<const model::TokenId> prompt, std::size_t from) {
  const model::BlockTable blocks = *cache.TryAllocate(prompt.size());
  model::Batch batch;
  batch.Add(blocks, 0, prompt);
  const model::RowRange rows{.first = from, .count = prompt.size() - from};
  const model::ConstMatF hidden = model.Forward(batch, {.hidden = {&rows, 1}}, cache).hidden;
  std::vector<float> states;
  for (std::size_t i = 0; i < hidden.rows(); ++i) {
    states.insert(states.end(), hidden.Row(i).begin(), hidden.Row(i).end());
  }
  return states;
}

std::unique_ptr<server::Worker> MakeTinyWorker(const model::Tokenizer& tokenizer,
                                               const TinyEngineOptions& options) {
  return std::make_unique<server::Worker>(
      MakeTinyModel(options),
      *model::KvCache::Create(TinyConfig(), options.blocks, options.kv_type), tokenizer,
      options.worker);
}

model::Tokenizer BundledTokenizer() {
  return *model::Tokenizer::Load(testing::BundledModelFolder());
}

server::GenerationRequest Request(std::size_t prompt_tokens, std::size_t max_new_tokens,
                                  server::TokenSink& sink) {
  server::GenerationRequest request;
  for (std::size_t i = 0; i < prompt_tokens; ++i) {
    request.prompt.push_back(static_cast<model::TokenId>((7 * i + prompt_tokens) % 200));
  }
  request.params.sampling.temperature = 0.0F;
  request.params.stopping.max_new_tokens = max_new_tokens;
  request.sink = &sink;
  return request;
}

}  // namespace cascade::testing
