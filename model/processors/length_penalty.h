// SPDX-License-Identifier: Apache-2.0
// The exponential length penalty as a logit processor.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/processors/processor_params.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Makes the end more likely with each token after the first `start`: adds
// |logit| * (factor^(tokens - start) - 1) to the logit of every eos token.
//
// Reference: Hugging Face ExponentialDecayLengthPenalty; TGIS's length_penalty.
class LengthPenalty final : public LogitProcessor {
 public:
  LengthPenalty(const LengthPenaltyParams& params, std::vector<TokenId> eos_token_ids);

  bool active() const override { return accepted_ > start_; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override;
  std::string Describe() const override;

 private:
  std::size_t start_;
  double factor_;
  std::vector<TokenId> eos_token_ids_;
  std::size_t accepted_ = 0;
  double power_ = 1.0;  // factor^(accepted - start), within bounds
};

}  // namespace cascade::model
