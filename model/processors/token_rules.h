// SPDX-License-Identifier: Apache-2.0
// Tokens that a request names: with a bias, as the only ones, or as banned.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/processors/processor_params.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Adds to the logits of some tokens. Reference: Hugging Face SequenceBiasLogitsProcessor, for
// sequences of one token; OpenAI's logit_bias.
class LogitBias final : public LogitProcessor {
 public:
  explicit LogitBias(std::vector<TokenBias> bias) : bias_(std::move(bias)) {}

  bool active() const override { return true; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId /*token*/) override {}
  std::string Describe() const override;

 private:
  std::vector<TokenBias> bias_;
};

// Excludes all tokens but some. Reference: Hugging Face PrefixConstrainedLogitsProcessor, where it
// allows the same everywhere.
class AllowedTokens final : public LogitProcessor {
 public:
  // `allowed` in any order, with or without duplicates; ascending it costs least.
  explicit AllowedTokens(std::vector<TokenId> allowed);

  bool active() const override { return true; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId /*token*/) override {}
  std::string Describe() const override;

 private:
  std::vector<TokenId> allowed_;  // ascending, each once
};

// Excludes some tokens. Reference: Hugging Face SuppressTokensLogitsProcessor.
class BannedTokens final : public LogitProcessor {
 public:
  explicit BannedTokens(std::vector<TokenId> banned) : banned_(std::move(banned)) {}

  bool active() const override { return true; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId /*token*/) override {}
  std::string Describe() const override;

 private:
  std::vector<TokenId> banned_;
};

}  // namespace cascade::model
