// SPDX-License-Identifier: Apache-2.0
// One request on its way through the model.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/generation/decoding_step.h"
#include "model/mat_view.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/beams.h"
#include "server/engine/request_queue.h"
#include "server/engine/sequence.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// A started request with its admission permit, its sink and its choices. The choices share the
// prompt: one of them runs it, and the others fork its blocks after that. From then on each choice
// steps, is preempted and finishes alone; the reader's pace, cancellation, deadlines and failures
// are the group's.
//
// Not thread-safe: only the worker's thread uses it.
class RequestGroup {
 public:
  // `tokenizer` is borrowed.
  RequestGroup(QueuedRequest queued, std::size_t n_ctx, const model::Tokenizer& tokenizer);

  // The sequences refer to it.
  RequestGroup(const RequestGroup&) = delete;
  RequestGroup& operator=(const RequestGroup&) = delete;

  const GenerationRequest& request() const { return queued_.request; }

  // ---- Choices.

  // In order of their numbers, the finished ones included. Never empty.
  const std::vector<std::unique_ptr<Sequence>>& choices() const { return choices_; }

  // Choices that can still have tokens. Of beams all, until the search ends: where there are fewer
  // beams at present than sequences, there may be more again.
  std::size_t CountUnfinished() const;

  // Null for a request without beams.
  Beams* beams() const { return beams_.get(); }

  // A choice that has blocks; null if none has.
  Sequence* FindPlaced() const;

  // Whether a choice has blocks, but none that has them has run the whole prompt yet. The choices
  // without blocks wait for it, so that the prompt is run once.
  bool RunsPrompt() const;

  // Whether `sequence`, a choice of this group, has tokens to run and blocks to run them in.
  bool CanRun(const Sequence& sequence) const {
    return sequence.has_blocks() && !(beams_ != nullptr && beams_->Waits(sequence.choice()));
  }

  // Whether `sequence`, a choice of this group, lost its blocks, or never got any although the
  // prompt has run. Not one that waits for the first run of the prompt.
  bool IsPreempted(const Sequence& sequence) const;

  // Choices for which IsPreempted.
  std::size_t CountPreempted() const;

  // Rows to run before every unfinished choice has its next token.
  std::size_t PendingTokens() const;

  // The most tokens that its unfinished choices can still generate.
  std::size_t MostTokensToCome() const;

  // ---- The prompt's own log-probabilities.

  // Whether tokens of the prompt have yet to be scored; then next_scored() is the first of them.
  bool ScoresPrompt() const { return next_scored_ < request().prompt.size(); }
  std::size_t next_scored() const { return next_scored_; }

  // Scores the prompt's next tokens from the logits of the positions before them, one row each, and
  // returns them with their log-probabilities; the prompt's first token, which no logits score,
  // comes with the first rows, or without any. INTERNAL as model::CheckFinite.
  // REQUIRES: ScoresPrompt(); no more rows than there are tokens to be scored.
  absl::StatusOr<std::vector<model::GeneratedToken>> ScorePrompt(model::ConstMatF logits);

  // ---- The prompt's hidden states.

  // The first token of the prompt whose hidden state has not been delivered. Meaningful only if
  // they are asked for.
  std::size_t next_hidden() const { return next_hidden_; }

  // Hands the next hidden states, which begin with that of next_hidden(), to the sink, which may
  // throw. INTERNAL, and nothing is handed over, if one is not a finite number.
  absl::Status DeliverHidden(model::ConstMatF rows);

  // ---- The end.

  // Ends the group: gives back the blocks of all choices and the permit.
  void Release();
  bool released() const { return released_; }

  // ---- Pace.

  // Asks the sink at `now` whether its reader is stalled. If the last poll found it stalled too,
  // the time since then is added to stalled_for(), but at most `at_most`: the process may have been
  // stopped in between, for which the reader is not to blame.
  void PollSink(absl::Time now, absl::Duration at_most);
  bool stalled() const { return seen_stalled_.has_value(); }
  absl::Duration stalled_for() const { return stalled_for_; }  // zero if not stalled

  // A step with some of its tokens begins at `now`. The first call counts.
  void MarkStarted(absl::Time now);

  // A choice has its next token at `now`.
  void MarkToken(absl::Time now);

  // A step has run this many drafted tokens of a choice; later, this many of them turned out right.
  void CountDrafted(std::size_t tokens) { drafted_tokens_ += tokens; }
  void CountAccepted(std::size_t tokens) { accepted_tokens_ += tokens; }

  RunStats run_stats(absl::Time now) const;

 private:
  QueuedRequest queued_;
  std::vector<std::unique_ptr<Sequence>> choices_;
  std::unique_ptr<Beams> beams_;
  std::size_t next_hidden_;
  std::size_t next_scored_;  // index into the prompt; its size if all are scored, or none is to be
  bool released_ = false;
  std::optional<absl::Time> seen_stalled_;  // the time of the last poll, if it found a stall
  absl::Duration stalled_for_;
  std::optional<absl::Time> started_;
  std::optional<absl::Time> first_token_at_;
  absl::Time last_token_at_;
  std::size_t drafted_tokens_ = 0;
  std::size_t accepted_tokens_ = 0;
};

}  // namespace cascade::server
