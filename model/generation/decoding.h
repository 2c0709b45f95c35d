// SPDX-License-Identifier: Apache-2.0
// One choice's way from logits to tokens, text and a finish: what the server's worker and the
// library's Generator have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/constraint.h"
#include "model/generation/decoding_step.h"
#include "model/generation/generation_params.h"
#include "model/generation/stop_matcher.h"
#include "model/sampling/logit_processor.h"
#include "model/sampling/sampler.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/utf8_stream.h"

namespace cascade::model {

// Not thread-safe. The tokenizer is borrowed and must outlive it.
class Decoding {
 public:
  // For choice `choice` of a request with this prompt, on a model of `n_ctx` positions. The choice
  // draws its random numbers from the seed of `params` plus its number, modulo 2^64: it says what
  // choice 0 of a request with that seed says. `prompt` is read by the constructor alone: logit
  // processors that look back at the prompt copy what they need of it. REQUIRES: 0 < prompt.size(),
  // and prompt.size() < n_ctx before the first Next.
  Decoding(const GenerationParams& params, std::uint32_t choice, std::span<const TokenId> prompt,
           std::size_t n_ctx, const Tokenizer& tokenizer);

  // Chooses the next token from the logits of the last position, [vocab_size]: the request's logit
  // processors may change a copy of them, then the sampler chooses. The result is a pure function
  // of the params, the choice, the tokens so far and the logits.
  //
  // Of several reasons to finish at one token, the first of these counts: an eos token, a
  // stop token, a stop string, that the constraint is complete, max_new_tokens, a full context. A
  // special token's bytes never enter the text. The last step's text carries what was held back:
  // the beginning of a stop string, and U+FFFD for a character that was not completed.
  //
  // Until there are min_new_tokens tokens, eos and stop tokens are excluded, and stop strings are
  // not looked for: that text counts as sent, so a stop string that begins in it is passed over.
  // A constraint allows these tokens only where the text satisfies it.
  //
  // Log-probabilities are those of the model's own logits, before any processor, or, if the output
  // is to be kProcessed, those of the distribution that the token was drawn from.
  //
  // INTERNAL if the logits are not all finite (broken weights, or float16 that overflowed);
  // INVALID_ARGUMENT if the processors leave no token to choose. Either way the sequence cannot go
  // on.
  // REQUIRES: not finished.
  absl::StatusOr<DecodingStep> Next(std::span<const float> logits);

  // What the second half of Next does with the token that was chosen: for those who choose it
  // themselves (beam search). REQUIRES: not finished.
  DecodingStep Take(GeneratedToken token);

  // Takes the tokens that an answer has had before it broke off, from its first one on: what comes
  // next is what would have come then. If the last of them ended the answer, finish() says how.
  // They need not be the most probable ones, nor such as the request allows, but for a constraint,
  // which they must follow.
  //
  // INVALID_ARGUMENT, naming the token, if one before the last ends the answer, or one breaks the
  // constraint; also if it takes too long to follow the constraint (kMaxResumeSteps). The sequence
  // cannot go on then. REQUIRES: nothing was generated; all are tokens of the model.
  absl::Status Resume(std::span<const TokenId> tokens);

  // What following a constraint may take there, in steps of Automaton: some 20 ms at the worst. A
  // token of ordinary text takes some tens.
  static constexpr std::size_t kMaxResumeSteps = 4 * Constraint::kMaxSteps;

  // Whether `token` would end the answer if Take took it now: not by a limit, but by what it is.
  bool Ends(TokenId token) const;

  // What the first half of Next does: lets the request's logit processors change `logits`, those of
  // the next token, [vocab_size], in place. INVALID_ARGUMENT if they leave no token.
  absl::Status Process(std::span<float> logits) { return processors_.Process(logits); }

  // The tokens that must come next, as the tokenizer cuts what the constraint leaves no choice of:
  // at most `limit`, none without a constraint. A guess, since the model may cut the same text
  // otherwise.
  std::vector<TokenId> ForcedTokens(std::size_t limit) const;

  // Ends the sequence where it stands, for a reason of the caller's. The step has no token, and the
  // text that was held back. REQUIRES: not finished.
  DecodingStep Stop(FinishReason reason);

  bool finished() const { return finish_.has_value(); }
  const std::optional<Finish>& finish() const { return finish_; }
  std::size_t generated_tokens() const { return generated_; }

 private:
  // Lets `drawn_from` show the logits of the distribution that the token was drawn from, if they
  // are to be told; it is `logits` before. Valid until the next call.
  absl::StatusOr<TokenId> Choose(std::span<const float> logits, std::span<const float>& drawn_from);
  LogProbs LogProbsOfChosen(std::span<const float> logits, std::span<const float> drawn_from,
                            TokenId token) const;
  std::optional<Finish> FinishByToken(TokenId token) const;

  // Whether the constraint, if there is one, lets the answer go on, or end, with `token`.
  absl::StatusOr<bool> FollowsConstraint(TokenId token, std::size_t& steps) const;

  // What `token`, the answer's token number `count`, adds to the text that `utf8` and `stops` have
  // read; nothing if it is none of the text.
  std::optional<StopMatcher::Result> ReadText(TokenId token, std::size_t count, Utf8Stream& utf8,
                                              StopMatcher& stops) const;

  // Appends to `text` what may be sent now that `token` has come; a finish if the text reaches a
  // stop string.
  std::optional<Finish> AddText(TokenId token, std::string& text);
  std::optional<Finish> FinishByConstraint() const;
  std::optional<Finish> FinishByLimit() const;

  // The text that was held back: the beginning of a stop string, an incomplete character.
  std::string TakeHeldBackText();

  GenerationParams params_;
  std::unique_ptr<ConstraintCursor> constraint_;  // null: none
  LogitProcessorList processors_;
  Sampler sampler_;
  std::size_t prompt_tokens_;
  std::size_t n_ctx_;
  const Tokenizer& tokenizer_;
  Utf8Stream utf8_;
  StopMatcher stop_matcher_;
  std::vector<float> logits_;  // a copy that processors and sampler may overwrite
  std::size_t generated_ = 0;
  std::optional<Finish> finish_;
};

}  // namespace cascade::model
