// SPDX-License-Identifier: Apache-2.0
// One choice's way from logits to tokens, text and a finish: what the server's worker and the
// library's Generator have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generation/generation_params.h"
#include "model/generation/stop_matcher.h"
#include "model/sampling/log_probs.h"
#include "model/sampling/sampler.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8_stream.h"

namespace cascade::model {

enum class FinishReason : std::uint8_t {
  kEos,          // an end-of-sequence token; it is among the tokens, never in the text
  kStopToken,    // one of stop_token_ids; likewise
  kStopString,   // the text reached a stop string
  kMaxTokens,    // max_new_tokens
  kContextFull,  // prompt and generated tokens together are n_ctx
  kTimeLimit,    // whoever runs it said so: Decoding::Stop
};

// One generated token.
struct GeneratedToken {
  TokenId id = 0;
  std::optional<LogProbs> log_probs;  // if asked for
};

struct Finish {
  FinishReason reason = FinishReason::kMaxTokens;
  std::string matched_stop;              // the stop string, for kStopString
  std::optional<TokenId> matched_token;  // for kEos and kStopToken
};

// What one token brought about, or a stop without one.
struct DecodingStep {
  std::optional<GeneratedToken> token;  // absent only from Decoding::Stop
  std::string text;                     // whole UTF-8 characters that may be sent now; often empty
  std::optional<Finish> finish;         // set on the last step
};

// Not thread-safe. The tokenizer is borrowed and must outlive it.
class Decoding {
 public:
  // For choice `choice` of a request whose prompt has `prompt_tokens` tokens, on a model of `n_ctx`
  // positions. REQUIRES: 0 < prompt_tokens < n_ctx.
  Decoding(const GenerationParams& params, std::uint32_t choice, std::size_t prompt_tokens,
           std::size_t n_ctx, const Tokenizer& tokenizer);

  // Chooses the next token from the logits of the last position, [vocab_size]. The result is a pure
  // function of the params, the choice, the tokens so far and the logits.
  //
  // Of several reasons to finish at one token, the first in the order of FinishReason counts. A
  // special token's bytes never enter the text. The last step's text carries what was held back:
  // the beginning of a stop string, and U+FFFD for a character that was not completed.
  //
  // min_new_tokens is kept by excluding eos and stop tokens until there are so many. Stop strings
  // are looked for from the text of the token that makes them so many; what came before counts as
  // sent, so a stop string that begins there is passed over.
  //
  // INTERNAL if the logits are not all finite (broken weights); INVALID_ARGUMENT if min_new_tokens
  // leaves no token to choose. Either way the sequence cannot go on.
  // REQUIRES: not finished.
  absl::StatusOr<DecodingStep> Next(std::span<const float> logits);

  // Ends it where it stands, for a reason of the caller's: no token, and the text that was held
  // back. REQUIRES: not finished.
  DecodingStep Stop(FinishReason reason);

  bool finished() const { return finished_; }
  std::size_t generated_tokens() const { return generated_; }

 private:
  absl::StatusOr<TokenId> Choose(std::span<const float> logits);
  std::optional<Finish> FinishByToken(TokenId token) const;

  // Adds to `text` what `token` frees; a finish if that reaches a stop string.
  std::optional<Finish> AddText(TokenId token, std::string& text);
  std::optional<Finish> FinishByLimit() const;

  // The text that was held back: the beginning of a stop string, an incomplete character.
  std::string TakeHeldBackText();

  GenerationParams params_;
  Sampler sampler_;
  std::size_t prompt_tokens_;
  std::size_t n_ctx_;
  const Tokenizer& tokenizer_;
  Utf8Stream utf8_;
  StopMatcher stop_matcher_;
  std::vector<float> logits_;  // a copy that masking and sampling may overwrite
  std::size_t generated_ = 0;
  bool finished_ = false;
};

}  // namespace cascade::model
