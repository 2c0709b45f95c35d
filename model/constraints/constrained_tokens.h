// SPDX-License-Identifier: Apache-2.0
// Holds an answer to a constraint.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "model/constraints/constraint.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Excludes the tokens after which the text could no longer satisfy a constraint. Those that end the
// answer are excluded for as long as the text does not satisfy it. Reference: Hugging Face
// PrefixConstrainedLogitsProcessor, whose function the constraint is.
class ConstrainedTokens final : public LogitProcessor {
 public:
  // `cursor` is borrowed, and moved on by Accept. `ends`: tokens that end the answer, and never are
  // a part of its text.
  ConstrainedTokens(ConstraintCursor& cursor, std::vector<TokenId> ends)
      : cursor_(cursor), ends_(std::move(ends)) {}

  bool active() const override { return true; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override;
  std::string Describe() const override;

 private:
  ConstraintCursor& cursor_;
  std::vector<TokenId> ends_;
  absl::Status status_;  // why Process could not say which tokens may come
};

}  // namespace cascade::model
