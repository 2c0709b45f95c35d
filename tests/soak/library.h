// SPDX-License-Identifier: Apache-2.0
// A model without a server: what an answer must be.
#pragma once

#include <memory>
#include <string>

#include "cascade/v1/text_generation.pb.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/constraints/token_trie.h"
#include "model/executor.h"
#include "model/gpt2.h"
#include "model/source/model_source.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::testing {

// One thread at a time.
class Library {
 public:
  // Loads the model in `folder`, or dies.
  explicit Library(const std::string& folder);

  // What model::Generator makes of it: text, tokens, log-probabilities. Of the request it knows
  // token ids, max_new_tokens, ignore_eos (which must be set), temperature, seed, repetition, regex
  // and candidates; the rest of sampling must be set, and off.
  v1::Delta Answer(const v1::GenerateRequest& request);

 private:
  std::unique_ptr<model::ModelSource> source_;
  model::ModelConfig config_;
  model::Tokenizer tokenizer_;
  model::TokenTrie trie_;
  model::InlineExecutor executor_;
  model::Gpt2 model_;
  model::KvCache cache_;
};

}  // namespace cascade::testing
