// SPDX-License-Identifier: Apache-2.0

#include "model/generation/logit_processors.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "model/constraints/constrained_tokens.h"
#include "model/constraints/constraint.h"
#include "model/processors/banned_sequences.h"
#include "model/processors/dry.h"
#include "model/processors/length_penalty.h"
#include "model/processors/min_new_tokens.h"
#include "model/processors/no_repeated_ngrams.h"
#include "model/processors/penalties.h"
#include "model/processors/token_rules.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {
namespace {

void AddPenalties(const PenaltyParams& params, std::span<const TokenId> prompt,
                  const Tokenizer& tokenizer, LogitProcessorList& processors) {
  if (params.repetition != 1.0F) {
    processors.Add(std::make_unique<RepetitionPenalty>(params, prompt));
  }
  if (params.presence != 0.0F || params.frequency != 0.0F) {
    processors.Add(std::make_unique<PresenceAndFrequencyPenalty>(params, prompt));
  }
  if (params.dry.multiplier > 0.0F) {
    const auto is_breaker = [&tokenizer, breakers = params.dry.breakers](TokenId token) {
      if (token >= tokenizer.vocab_size()) return false;
      const absl::string_view bytes = tokenizer.Bytes(token);
      return std::ranges::any_of(breakers, [bytes](const std::string& breaker) {
        return absl::StrContains(bytes, breaker);
      });
    };
    processors.Add(std::make_unique<Dry>(params.dry, is_breaker, prompt));
  }
  if (params.no_repeat_ngram_size > 0) {
    processors.Add(std::make_unique<NoRepeatedNgrams>(params.no_repeat_ngram_size, prompt));
  }
}

std::vector<TokenId> Ends(const StoppingParams& stopping) {
  std::vector<TokenId> ends = stopping.eos_token_ids;
  ends.insert(ends.end(), stopping.stop_token_ids.begin(), stopping.stop_token_ids.end());
  return ends;
}

}  // namespace

LogitProcessorList MakeLogitProcessors(const GenerationParams& params,
                                       std::span<const TokenId> prompt, const Tokenizer& tokenizer,
                                       ConstraintCursor* constraint) {
  const TokenRules& tokens = params.tokens;
  const StoppingParams& stopping = params.stopping;
  LogitProcessorList processors;
  if (!tokens.bias.empty()) processors.Add(std::make_unique<LogitBias>(tokens.bias));
  AddPenalties(params.penalties, prompt, tokenizer, processors);
  if (!tokens.banned_sequences.empty()) {
    processors.Add(std::make_unique<BannedSequences>(tokens.banned_sequences, prompt));
  }
  if (stopping.min_new_tokens > 0) {
    processors.Add(std::make_unique<MinNewTokens>(stopping.min_new_tokens, Ends(stopping)));
  }
  if (constraint != nullptr) {
    processors.Add(std::make_unique<ConstrainedTokens>(*constraint, Ends(stopping)));
  }
  if (!tokens.allowed.empty()) processors.Add(std::make_unique<AllowedTokens>(tokens.allowed));
  if (stopping.length_penalty.factor > 1.0F) {
    processors.Add(
        std::make_unique<LengthPenalty>(stopping.length_penalty, stopping.eos_token_ids));
  }
  if (!tokens.banned.empty()) processors.Add(std::make_unique<BannedTokens>(tokens.banned));
  return processors;
}

}  // namespace cascade::model
