// SPDX-License-Identifier: Apache-2.0

#include "tests/soak/library.h"

#include <utility>
#include <vector>

#include "model/generation/generation_params.h"
#include "model/generation/generator.h"
#include "model/generation/vocabulary_trie.h"
#include "model/kernels/kv_block.h"
#include "model/weights/gpt2_weights.h"
#include "server/grpc/v1/response.h"
#include "tests/support/constraints.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {
namespace {

model::GenerationParams ParamsOf(const v1::GenerateRequest& request, const model::TokenTrie& trie) {
  model::GenerationParams params;
  params.sampling.temperature = request.sampling().temperature();
  params.sampling.seed = request.sampling().seed();
  if (request.penalties().has_repetition()) {
    params.penalties.repetition = request.penalties().repetition();
  }
  if (request.constraint().has_regex()) {
    params.constraint = ConstraintTo(request.constraint().regex(), trie);
  }
  params.stopping.max_new_tokens = request.stopping().max_new_tokens();
  params.output.logprobs = true;
  params.output.candidates = request.response().candidates();
  return params;
}

}  // namespace

Library::Library(const std::string& folder)
    : source_(model::OpenModelSource(folder)),
      config_(ValueOrDie(source_->ReadConfig())),
      tokenizer_(ValueOrDie(source_->ReadTokenizer())),
      trie_(model::MakeTokenTrie(tokenizer_, config_.vocab_size)),
      model_(config_, ValueOrDie(model::LoadWeights(*source_, config_, {}, executor_)).weights,
             config_.n_ctx, executor_),
      cache_(ValueOrDie(model::KvCache::Create(
          config_, 1 + (config_.n_ctx / model::kernels::kBlockPositions)))) {}

v1::Delta Library::Answer(const v1::GenerateRequest& request) {
  const std::vector<model::TokenId> prompt(request.token_ids().ids().begin(),
                                           request.token_ids().ids().end());
  model::Generator generator(model_, tokenizer_, cache_);
  const model::Generation made = ValueOrDie(generator.Generate(
      prompt, ParamsOf(request, trie_), [](const model::DecodingStep& /*step*/) {}));
  v1::Delta answer;
  answer.set_text(made.text);
  for (const model::GeneratedToken& token : made.tokens) {
    answer.add_token_ids(token.id);
    server::FillLogProbs(token, tokenizer_, /*bytes=*/false, *answer.add_logprobs());
  }
  return answer;
}

}  // namespace cascade::testing
