// SPDX-License-Identifier: Apache-2.0
// The penalties for tokens that were there before.
#pragma once

#include <span>
#include <string>

#include "model/processors/processor_params.h"
#include "model/processors/token_counts.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Divides the positive logits of tokens that were there before by a number, and multiplies the
// negative ones with it. Reference: Hugging Face RepetitionPenaltyLogitsProcessor.
class RepetitionPenalty final : public LogitProcessor {
 public:
  RepetitionPenalty(const PenaltyParams& params, std::span<const TokenId> prompt);

  bool active() const override { return !counts_.counts().empty(); }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override { counts_.Add(token); }
  std::string Describe() const override;

 private:
  float penalty_;
  TokenCounts counts_;
};

// Subtracts a number from the logits of tokens that were there before, and another for each time
// that they were. Reference: OpenAI's presence_penalty and frequency_penalty; vLLM's
// apply_penalties.
class PresenceAndFrequencyPenalty final : public LogitProcessor {
 public:
  PresenceAndFrequencyPenalty(const PenaltyParams& params, std::span<const TokenId> prompt);

  bool active() const override { return !counts_.counts().empty(); }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override { counts_.Add(token); }
  std::string Describe() const override;

 private:
  float presence_;
  float frequency_;
  TokenCounts counts_;
};

}  // namespace cascade::model
