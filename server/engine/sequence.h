// SPDX-License-Identifier: Apache-2.0
// One choice of a request on its way through the model.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/cache/block_allocator.h"
#include "model/generation/decoding.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"
#include "server/engine/limits.h"
#include "server/engine/speculation.h"

namespace cascade::server {

class RequestGroup;

// The tokens of one choice (of the prompt, those that run; then what was generated), its blocks,
// and how many of its tokens have run, that is, have their keys and values in the blocks.
//
// Of a request that searches with beams, a sequence is what one beam runs; see Beams.
//
// A sequence without blocks has run nothing. It either waits for its group's prompt, which another
// choice runs, or it was preempted; then it runs all its tokens again when it gets blocks.
//
// Not thread-safe: only the worker's thread uses it.
class Sequence {
 public:
  // `group` owns the sequence. `tokenizer` is borrowed.
  Sequence(RequestGroup& group, std::size_t choice, std::size_t n_ctx,
           const model::Tokenizer& tokenizer);

  // Chunks of a step refer to it.
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  RequestGroup& group() const { return group_; }
  const GenerationRequest& request() const { return request_; }
  std::size_t choice() const { return choice_; }

  // ---- Blocks.

  bool has_blocks() const { return !blocks_.ids().empty(); }
  const model::BlockTable& blocks() const { return blocks_; }
  model::BlockTable& blocks() { return blocks_; }

  // Takes blocks that hold the keys and values of the first `run` tokens and have room for the
  // others.
  void Place(model::BlockTable blocks, std::size_t run);

  // Gives its blocks back: none of its tokens has run any more.
  void ReleaseBlocks();

  // ---- Tokens.

  std::span<const model::TokenId> tokens() const { return tokens_; }
  std::span<const model::TokenId> run_tokens() const { return {tokens_.data(), run_}; }
  // By this request: not those that it resumed.
  std::size_t generated_tokens() const { return tokens_.size() - PromptTokensToRun(request_); }

  // Takes the tokens that the request resumes: as model::Decoding::Resume. If the last of them was
  // the answer's last, returns how it ended. REQUIRES: no beam's; nothing was generated.
  absl::StatusOr<std::optional<model::Finish>> Resume();

  // Whether it will have no more tokens; or, of beams, none at present.
  bool finished() const { return decoding_ ? decoding_->finished() : !has_beam_; }

  // Tokens to run before the next one can be chosen, or before the prompt has run. 1: the sequence
  // is decoding. Between steps 0 only for a beam that waits for others.
  std::size_t pending() const { return tokens_.size() - run_; }

  // Of the pending tokens, the last ones whose outputs are wanted: one whose logits give the next
  // token, or more of a prompt that is to be scored, or whose hidden states are wanted.
  std::size_t WantedRows() const;

  // Drafts what may come after tokens(): what the constraint forces, or what came after the same
  // words before. At most what the blocks have room for; returns how many. REQUIRES: pending()
  // == 1, and the request generates.
  std::size_t Draft();

  // The next `count` tokens to run, from position() on: pending ones, then drafted ones. Valid
  // until the next call that is not const.
  std::span<const model::TokenId> NextTokens(std::size_t count) const;
  std::size_t position() const { return run_; }

  // `count` pending tokens were run. Returns how many of them ran for the first time, and not again
  // after a preemption.
  std::size_t Advance(std::size_t count);

  // Chooses the next token from the logits of the last of tokens(): as model::Decoding::Next.
  // REQUIRES: that token has run, be it as another choice's; not a beam's.
  absl::StatusOr<model::DecodingStep> Next(std::span<const float> logits);

  // ---- Beams.

  // Has no beam any more, and no blocks.
  void DropBeam();

  // Takes over the tokens of `parent`, all of which have run, but not its blocks.
  // REQUIRES: has_blocks() is false.
  void TakeBeam(const Sequence& parent);

  // The beam has this token next.
  void Append(model::TokenId token);

  // ---- Drafts.

  // If Next chose the token that was drafted for its place, that token has run already: counts it
  // as run and returns true, and the next row of logits is good. REQUIRES: the draft was run.
  bool AcceptDrafted();

  // Finishes the choice where it stands: as model::Decoding::Stop.
  // REQUIRES: not a beam's.
  model::DecodingStep Stop(model::FinishReason reason) { return decoding_->Stop(reason); }

  // A step drafted `drafted` tokens, and the first `accepted` of them were right.
  void LearnFromDraft(std::size_t drafted, std::size_t accepted);

  // When it had its last token: a pace, which decides nothing. In the infinite past before the
  // first.
  absl::Time last_token_at() const { return last_token_at_; }
  void MarkToken(absl::Time now) { last_token_at_ = now; }

 private:
  void EmplaceDecoding(const model::Tokenizer& tokenizer);

  RequestGroup& group_;
  const GenerationRequest& request_;  // the group's
  const std::size_t choice_;
  const std::size_t n_ctx_;
  model::BlockTable blocks_;
  std::optional<model::Decoding> decoding_;  // none for a beam, which Beams decodes
  Speculation speculation_;
  absl::Time last_token_at_ = absl::InfinitePast();
  std::vector<model::TokenId> tokens_;
  std::size_t run_ = 0;                // tokens whose keys and values are in blocks_
  std::size_t furthest_ = 0;           // the largest that run_ ever was
  std::vector<model::TokenId> draft_;  // the last token, and then what is drafted
  std::size_t accepted_ = 0;           // of the draft
  bool draft_is_forced_ = false;       // by the constraint
  bool has_beam_ = true;               // always, but for beams
};

}  // namespace cascade::server
