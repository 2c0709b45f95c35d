// SPDX-License-Identifier: Apache-2.0
// Continuous batching: the requests that were started, and the model that they run on.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/block_placement.h"
#include "server/engine/completion.h"
#include "server/engine/completion_list.h"
#include "server/engine/generation_request.h"
#include "server/engine/model_step.h"
#include "server/engine/request_group.h"
#include "server/engine/request_queue.h"
#include "server/engine/scheduler.h"
#include "server/engine/sequence.h"
#include "server/engine/stats.h"

namespace cascade::server {

// Owns the model, the cache and the started requests, each a group of sequences. A sequence is
// ready (it has blocks, and its reader keeps up), stalled (its reader does not keep up), preempted
// (its blocks were taken, and it has to run again what it had run), or waits for its group: for the
// prompt to run, or, of beams, for the others' logits. Of the ready ones, the oldest max_running
// are in each step.
//
// A request that ends gives back its blocks and its permit at once and leaves a completion, which
// the caller takes and delivers. Not thread-safe: only the worker's thread uses it.
class RunningBatch {
 public:
  struct Options {
    bool prefix_cache = true;
    bool kv_overcommit = false;
    bool speculate = true;
    absl::Duration stalled_reader_limit = absl::Seconds(30);
    std::size_t max_requests = 0;  // that can be there at once; their ends then take no memory
  };

  // As Worker's constructor. `clock` is borrowed.
  RunningBatch(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
               const model::Tokenizer& tokenizer, Scheduler scheduler, const Options& options,
               const std::function<absl::Time()>& clock);

  // Its parts refer to each other.
  RunningBatch(const RunningBatch&) = delete;
  RunningBatch& operator=(const RunningBatch&) = delete;

  // Sequences that have not ended: the unfinished choices of all requests.
  std::size_t size() const;
  std::size_t CountPreempted() const;
  std::size_t CountStalled() const;

  // Whether Step would run anything.
  bool CanStep() const { return !ready_.empty(); }

  const model::BlockAllocator& blocks() const { return placement_.blocks(); }
  const Counts& counts() const { return counts_; }

  // Rows to run before every sequence has its next token: what is left of the prompts, above all.
  // Stalled sequences count as zero.
  std::size_t PendingTokens() const;

  // The most tokens that the sequences that are not stalled can still generate.
  std::size_t MostTokensToCome() const;

  // Moves the completions of the requests that have ended since the last call to the end of `into`.
  void TakeCompletions(std::vector<Completion>& into) { completions_.TakeInto(into); }

  // Polls every sink, then ends the requests for which `reason` returns a status that is not OK,
  // with that status, finishes those whose time limit has passed, and ends those that have been
  // stalled for too long.
  void Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason, absl::Time now);

  // Gives preempted sequences blocks again, the oldest first and each only when all that it may
  // ever need are free, then selects the sequences of the next step. A request for which memory
  // runs out ends with RESOURCE_EXHAUSTED. Call it after Reap, before TryStart and Step.
  void SelectReady();

  // Starts `queued` and leaves it empty, if the batch has a place for each of its choices and the
  // cache has blocks: all that they may ever need, or, with kv_overcommit, those of the prompt.
  // Blocks of stalled sequences are taken if the request needs them. Nothing starts before a
  // preempted sequence has its blocks. If memory runs out, the request ends with
  // RESOURCE_EXHAUSTED. REQUIRES: CheckRunnable was OK.
  bool TryStart(QueuedRequest& queued);

  // One step, if any sequence is ready: plans, runs the model, chooses tokens and hands them to
  // their sinks (a request's last token goes into its completion). If the model throws, all
  // requests of the step end, and no others. Returns the rows that were run.
  std::size_t Step();

  // No request finds what earlier ones have left in the prefix cache.
  void ForgetPrefixes() { placement_.cache().blocks().ForgetPrefixes(); }

  // INTERNAL, with what is wrong, unless between two steps all is as it must be: every block held
  // as often as it is counted, none writable by two sequences, every sequence with a token to run
  // and ready only with blocks and a reader. For tests, and assertions in debug builds.
  absl::Status CheckInvariants() const;

  // All requests in one line, for a log.
  std::string Describe() const;

 private:
  bool HasPlaces(std::size_t choices) const;
  bool PlaceAgain(RequestGroup& group);
  static absl::StatusOr<std::optional<model::Finish>> Resume(const RequestGroup& group);
  void FailStep(std::span<const PlannedChunk> plan, const absl::Status& status);
  void TakeOutputs(std::span<const PlannedChunk> plan, const model::StepOutputs& outputs);
  void TakeHiddenOf(Sequence& sequence, const PlannedChunk& chunk, model::ConstMatF hidden,
                    absl::Time now);
  void TakeTokensOf(Sequence& sequence, const PlannedChunk& chunk, model::ConstMatF logits,
                    absl::Time now);
  std::size_t ScorePrompt(Sequence& sequence, const PlannedChunk& chunk, model::ConstMatF logits);
  void ChooseTokens(Sequence& sequence, const PlannedChunk& chunk, model::ConstMatF logits,
                    absl::Time now);
  void TakeBeam(Sequence& sequence, std::span<const float> logits, absl::Time now);
  bool TakeFirstTokens(Sequence& first, std::span<const float> logits, absl::Time now);
  bool TakeToken(Sequence& sequence, std::span<const float> logits, absl::Time now);
  bool Advance(Sequence& sequence, std::size_t tokens, absl::Time now);
  void ForgetEnded();

  ModelStep model_step_;
  const model::Tokenizer& tokenizer_;
  const Options options_;
  const std::function<absl::Time()>& clock_;
  const absl::Status reader_too_slow_;  // made while there is memory

  Counts counts_;
  BlockPlacement::Groups groups_;  // in order of their starts
  std::vector<Sequence*> ready_;   // [at most max_running], in order of their starts
  BlockPlacement placement_;       // refers to groups_ and counts_
  CompletionList completions_;     // refers to counts_
};

}  // namespace cascade::server
