// SPDX-License-Identifier: Apache-2.0
// What one step of a generation gives: a token, its text, and perhaps the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/sampling/log_probs.h"
#include "model/token.h"

namespace cascade::model {

enum class FinishReason : std::uint8_t {
  kEos,          // an end-of-sequence token; it is among the tokens, never in the text
  kStopToken,    // one of stop_token_ids; likewise
  kStopString,   // the text reached a stop string
  kMaxTokens,    // max_new_tokens
  kContextFull,  // prompt and generated tokens together are n_ctx
  kTimeLimit,    // the caller of Decoding::Stop said so
  // The text satisfies the constraint, and could not with more. (The last number: digests of
  // answers, which are compared from release to release, have these numbers in them.)
  kConstraintComplete,
};

// One generated token.
struct GeneratedToken {
  TokenId id = 0;
  std::optional<LogProbs> log_probs;  // if asked for
};

struct Finish {
  FinishReason reason = FinishReason::kMaxTokens;
  std::string matched_stop;               // the stop string, for kStopString
  std::optional<TokenId> matched_token;   // for kEos and kStopToken
  std::optional<double> beam_score = {};  // of an answer that beam search found
};

// What one chosen token gives, or Decoding::Stop without a token.
struct DecodingStep {
  std::optional<GeneratedToken> token;  // absent only from Decoding::Stop
  std::string text;                     // whole UTF-8 characters that may be sent now; often empty
  std::optional<Finish> finish;         // set on the last step
};

}  // namespace cascade::model
