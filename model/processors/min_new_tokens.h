// SPDX-License-Identifier: Apache-2.0
// min_new_tokens as a logit processor.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Excludes some tokens, those that would end the generation, until `min_new_tokens` tokens were
// accepted.
//
// Reference: Hugging Face MinNewTokensLengthLogitsProcessor.
class MinNewTokens final : public LogitProcessor {
 public:
  MinNewTokens(std::size_t min_new_tokens, std::vector<TokenId> ends)
      : min_new_tokens_(min_new_tokens), ends_(std::move(ends)) {}

  bool active() const override { return accepted_ < min_new_tokens_; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId /*token*/) override { ++accepted_; }
  std::string Describe() const override;

 private:
  std::size_t min_new_tokens_;
  std::vector<TokenId> ends_;
  std::size_t accepted_ = 0;
};

}  // namespace cascade::model
