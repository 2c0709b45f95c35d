// SPDX-License-Identifier: Apache-2.0
// min_new_tokens as a logit processor.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/generation/generation_params.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Excludes the eos and stop tokens until min_new_tokens tokens were accepted. Ids that are not in
// the vocabulary are passed over.
//
// Reference: Hugging Face MinNewTokensLengthLogitsProcessor.
class MinNewTokens final : public LogitProcessor {
 public:
  explicit MinNewTokens(const StoppingParams& stopping);

  bool active() const override { return accepted_ < min_new_tokens_; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId /*token*/) override { ++accepted_; }
  std::string Describe() const override;

 private:
  std::size_t min_new_tokens_;
  std::vector<TokenId> excluded_;
  std::size_t accepted_ = 0;
};

}  // namespace cascade::model
