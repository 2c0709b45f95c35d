// SPDX-License-Identifier: Apache-2.0
// DRY ("don't repeat yourself") as a logit processor.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/processors/processor_params.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

// Looks for earlier places at which the text's last tokens occur too. What followed there would
// make the repetition longer, and is made less likely: the more, the longer the repetition is.
//
// Let m be the largest number of last tokens that occurs before token t somewhere in the window,
// with no breaker among them. If t is no breaker and m >= allowed_length, t's logit loses
// multiplier * base^(m - allowed_length).
//
// Reference: "DRY: A modern repetition penalty", text-generation-webui's DRYLogitsProcessor (which
// looks at 50 tokens of a match at most; here there is no such bound); llama.cpp's dry sampler.
// Cost of a step: one pass over the window.
class Dry final : public LogitProcessor {
 public:
  // `is_breaker` is asked once for every token of the sequence, and must outlive the processor.
  Dry(const DryParams& params, std::function<bool(TokenId)> is_breaker,
      std::span<const TokenId> prompt);

  bool active() const override { return since_breaker_ >= params_.allowed_length; }
  void Process(std::span<float> logits) override;
  void Accept(TokenId token) override { Append(token); }
  std::string Describe() const override;

 private:
  // What would make a repetition longer, and the length of the repetition so far.
  struct Follower {
    TokenId token = 0;
    std::size_t match = 0;
  };

  void Append(TokenId token);

  // Fills matches_, [window]: for each i > 0, how many of the window's last tokens are also those
  // that end i tokens before its end.
  void FindMatches(std::span<const TokenId> window);

  // Fills followers_: each token once, with its longest match, if that costs something.
  void FindFollowers(std::size_t window);

  // multiplier * base^exponent, within bounds.
  double Penalty(std::size_t exponent) const;

  DryParams params_;
  std::function<bool(TokenId)> is_breaker_;
  std::vector<TokenId> tokens_;
  std::vector<bool> breakers_;     // of each of tokens_
  std::size_t since_breaker_ = 0;  // last tokens of which none is a breaker

  // Scratch of Process.
  std::vector<std::size_t> matches_;
  std::vector<Follower> followers_;
};

}  // namespace cascade::model
