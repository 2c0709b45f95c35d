// SPDX-License-Identifier: Apache-2.0
// The flags of `cascade generate` that say how tokens are chosen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class SamplingFlags {
 public:
  // `flags` borrows this. The length penalty's flag belongs to another group than the others.
  void AddTo(Flags& flags);
  void AddLengthPenaltyTo(Flags& flags);

  // Fills what was given into sampling, penalties, token rules and the length penalty of `request`.
  // INVALID_ARGUMENT, in words for the user, for a value that cannot be read.
  absl::Status Fill(v1::GenerateRequest& request) const;

 private:
  void AddPenaltiesTo(Flags& flags);
  void AddTokenRulesTo(Flags& flags);
  absl::Status FillSampling(v1::SamplingParams& sampling) const;
  absl::Status FillPerChoice(v1::SamplingParams& sampling) const;
  absl::Status FillPenalties(v1::Penalties& penalties) const;
  absl::Status FillTokenRules(v1::TokenRules& rules) const;

  std::optional<float> temperature_;
  std::optional<std::uint32_t> top_k_;
  std::optional<float> top_p_;
  std::optional<float> min_p_;
  std::optional<float> typical_p_;
  float top_n_sigma_ = 0.0F;
  std::optional<std::uint64_t> seed_;
  std::uint32_t n_ = 0;
  std::uint32_t best_of_ = 0;
  std::vector<std::string> choice_temperatures_;

  std::optional<float> repetition_penalty_;
  float presence_penalty_ = 0.0F;
  float frequency_penalty_ = 0.0F;
  std::uint32_t penalty_window_ = 0;
  std::optional<bool> penalize_prompt_;
  std::optional<std::uint32_t> no_repeat_ngram_size_;
  float dry_multiplier_ = 0.0F;
  std::optional<float> dry_base_;
  std::optional<std::uint32_t> dry_allowed_length_;
  std::uint32_t dry_window_ = 0;
  std::vector<std::string> dry_breakers_;
  std::optional<std::string> length_penalty_;

  std::vector<std::string> logit_bias_;
  std::vector<std::uint32_t> allowed_token_ids_;
  std::vector<std::uint32_t> banned_token_ids_;
  std::vector<std::string> banned_words_;
};

}  // namespace cascade::cli
