// SPDX-License-Identifier: Apache-2.0
// no_repeat_ngram_size as a logit processor.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Excludes every token that would complete an n-gram that is there already, in the prompt or in
// what was generated. With n = 1: every token that is there.
//
// Reference: Hugging Face NoRepeatNGramLogitsProcessor. Cost of a step: one pass over the tokens.
class NoRepeatedNgrams final : public LogitProcessor {
 public:
  // REQUIRES: n > 0.
  NoRepeatedNgrams(std::size_t n, std::span<const TokenId> prompt)
      : n_(n), tokens_(prompt.begin(), prompt.end()) {}

  bool active() const override { return tokens_.size() >= n_; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override { tokens_.push_back(token); }
  std::string Describe() const override;

 private:
  std::size_t n_;
  std::vector<TokenId> tokens_;
};

}  // namespace cascade::model
