// One request on its way through the model.
#pragma once

#include <cstddef>
#include <cstdint>
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
#include "server/engine/request_queue.h"
#include "server/engine/speculation.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// A request with its tokens (the prompt, then what was generated), its blocks, and how many of its
// tokens have run, that is, have their keys and values in the blocks. Without blocks it was
// preempted: nothing of it has run, and it runs again when it gets blocks.
//
// Not thread-safe: the worker's.
class Sequence {
 public:
  // `tokenizer` is borrowed.
  Sequence(QueuedRequest queued, std::size_t n_ctx, const model::Tokenizer& tokenizer);

  // Chunks refer to it.
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  const GenerationRequest& request() const { return queued_.request; }

  // ---- Blocks.

  bool has_blocks() const { return !blocks_.ids().empty(); }
  const model::BlockTable& blocks() const { return blocks_; }
  model::BlockTable& blocks() { return blocks_; }

  // Gets blocks that cover tokens(); the first `cached_tokens` need not run. The first time, the
  // sink hears that it starts.
  void Place(model::BlockTable blocks, std::size_t cached_tokens);

  // Gives its blocks back.
  void Preempt();

  // ---- Tokens.

  std::span<const model::TokenId> tokens() const { return tokens_; }
  std::span<const model::TokenId> run_tokens() const { return {tokens_.data(), run_}; }

  // Tokens to run before the next one can be chosen; 1: it is decoding. Never 0 between steps.
  std::size_t pending() const { return tokens_.size() - run_; }

  // Tokens that it may still generate, at least 1 until it has finished.
  std::size_t new_tokens_left() const;

  // Drafts what may come after tokens(), at most `limit` tokens and what the blocks hold; returns
  // how many. REQUIRES: pending() == 1.
  std::size_t Draft(std::size_t limit);

  // The next `count` tokens to run, from position() on: pending ones, then the draft's. Valid until
  // the next call that is not const.
  std::span<const model::TokenId> NextTokens(std::size_t count) const;
  std::size_t position() const { return run_; }

  // `count` pending tokens were run. Returns how many of them never were before: the others had
  // been run when it was preempted.
  std::size_t Advance(std::size_t count);

  // Chooses the next token, at `now`, from the logits of the last one that was run: as
  // model::Decoding::Next. REQUIRES: pending() == 0.
  absl::StatusOr<model::DecodingStep> Next(std::span<const float> logits, absl::Time now);

  // If Next chose the token that was drafted for its place, it has run already: takes that into
  // account and returns true, and the logits after it are good. REQUIRES: the draft was run.
  bool AcceptDrafted();

  // Ends it where it stands. As model::Decoding::Stop.
  model::DecodingStep Stop(model::FinishReason reason) { return decoding_.Stop(reason); }

  // ---- Pace.

  Speculation& speculation() { return speculation_; }

  // Asks the sink at `now` whether its reader is stalled. If the last poll found it stalled too,
  // the time since then is added to stalled_for(), but at most `at_most`: the process may have been
  // stopped in between, for which the reader is not to blame.
  void PollSink(absl::Time now, absl::Duration at_most);
  bool stalled() const { return seen_stalled_.has_value(); }
  absl::Duration stalled_for() const { return stalled_for_; }  // zero if it is not

  // A step with some of its tokens begins at `now`; the first one counts.
  void MarkStarted(absl::Time now);
  Timings timings(absl::Time now) const;

 private:
  QueuedRequest queued_;
  model::BlockTable blocks_;
  model::Decoding decoding_;
  Speculation speculation_;
  std::size_t n_ctx_;
  std::vector<model::TokenId> tokens_;
  std::size_t run_ = 0;
  std::size_t furthest_ = 0;  // that run_ ever was
  std::size_t draft_ = 0;     // the draft is a piece of tokens_, from here on: the next token of it
  bool told_start_ = false;
  std::optional<absl::Time> seen_stalled_;  // the last time, if it is stalled
  absl::Duration stalled_for_;
  std::optional<absl::Time> started_;
  std::optional<absl::Time> first_token_at_;
  absl::Time last_token_at_;
};

}  // namespace cascade::server
