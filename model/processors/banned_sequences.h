// SPDX-License-Identifier: Apache-2.0
// Banned words as a logit processor.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Excludes the last token of each sequence for which the tokens before it have just come. The
// prompt's end may begin a sequence.
//
// Reference: Hugging Face NoBadWordsLogitsProcessor, which lets a sequence pass whose beginning is
// all that there is.
class BannedSequences final : public LogitProcessor {
 public:
  // REQUIRES: no sequence is empty.
  BannedSequences(std::vector<std::vector<TokenId>> sequences, std::span<const TokenId> prompt)
      : sequences_(std::move(sequences)), tokens_(prompt.begin(), prompt.end()) {}

  bool active() const override { return !sequences_.empty(); }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override { tokens_.push_back(token); }
  std::string Describe() const override;

 private:
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<TokenId> tokens_;
};

}  // namespace cascade::model
