// Continuous batching: the sequences that were started, and the model that they run on.
#pragma once

#include <cstddef>
#include <cstdint>
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
#include "model/layers/batch.h"
#include "model/mat_view.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/completion.h"
#include "server/engine/generation_request.h"
#include "server/engine/request_queue.h"
#include "server/engine/scheduler.h"
#include "server/engine/sequence.h"
#include "server/engine/stats.h"

namespace cascade::server {

// Owns model, cache and sequences. A sequence that was started is ready (it has blocks and a reader
// that keeps up), stalled (its reader does not) or preempted (its blocks were taken; it has to run
// again what it has run). Of the ready ones, the oldest max_running are in each step.
//
// A sequence that ends gives back its blocks and its permit at once and leaves a completion, which
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

  std::size_t size() const { return sequences_.size(); }
  std::size_t CountPreempted() const;
  std::size_t CountStalled() const;

  // Whether Step would run anything.
  bool CanStep() const { return !ready_.empty(); }

  const model::BlockAllocator& blocks() const { return cache_.blocks(); }
  const Counts& counts() const { return counts_; }

  // Rows that are still to run before every sequence has its next token: the prompts' rests. Those
  // that are stalled run nothing.
  std::size_t PendingTokens() const;

  // Moves the completions of the requests that have ended since the last call to the end of `into`.
  void TakeCompletions(std::vector<Completion>& into);

  // Polls every sink, then ends the requests for which `reason` returns a status that is not OK,
  // with that status, finishes those whose time limit has passed, and ends those that have been
  // stalled for too long.
  void Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason, absl::Time now);

  // Gives preempted sequences blocks again, the oldest first and each only when all that it may
  // ever need is free, then selects the sequences of the next step. A sequence for which memory
  // runs out ends with RESOURCE_EXHAUSTED. Call it after Reap, before TryStart and Step.
  void SelectReady();

  // Starts `queued` and leaves it empty, if there is a place in the batch and the cache has blocks:
  // all that it may ever need, or, with kv_overcommit, those of its prompt. Blocks of stalled
  // sequences are taken if that is what it needs. Nobody starts before a preempted sequence.
  // Without memory for it, it ends: RESOURCE_EXHAUSTED. REQUIRES: CheckRunnable was OK.
  bool TryStart(QueuedRequest& queued);

  // One step, if somebody is ready: plans, runs the model, chooses tokens and hands them to their
  // sinks (a last token goes into the completion). If the model throws, all sequences of the step
  // end, and no others. Returns the rows that were run.
  std::size_t Step();

  // INTERNAL, with what is wrong, unless between two steps all is as it must be: every block held
  // as often as it is counted, none writable by two sequences, every sequence with a token to run
  // and ready only with blocks and a reader. For tests, and assertions in debug builds.
  absl::Status CheckInvariants() const;

  // One line a sequence, for a log.
  std::string Describe() const;

 private:
  using SequencePtr = std::unique_ptr<Sequence>;

  // Blocks for a sequence that begins with `tokens`, shared where that is wanted and possible.
  std::optional<model::BlockAllocator::Shared> TryAllocate(const GenerationRequest& request,
                                                           std::span<const model::TokenId> tokens,
                                                           std::size_t positions);
  // The same, if need be with the blocks of stalled sequences.
  std::optional<model::BlockAllocator::Shared> TryAllocateFromStalled(
      const GenerationRequest& request, std::span<const model::TokenId> tokens,
      std::size_t positions);
  bool TryPlaceAgain(Sequence& sequence);
  bool Shares(const GenerationRequest& request) const;
  void Preempt(Sequence& sequence);
  Sequence& ChooseVictim();
  void MakeRoomForDecoders();
  std::span<const PlannedChunk> Plan();
  void FailStep(std::span<const PlannedChunk> plan, const absl::Status& status);
  Sequence& Of(const PlannedChunk& chunk) { return *sequences_[ready_[chunk.sequence]]; }
  model::ConstMatF RunModel(std::span<const PlannedChunk> plan);
  void TakeTokens(std::span<const PlannedChunk> plan, model::ConstMatF logits);
  void TakeTokensOf(SequencePtr& sequence, const PlannedChunk& chunk, model::ConstMatF logits,
                    absl::Time now);
  bool TakeToken(SequencePtr& sequence, std::span<const float> logits, absl::Time now);
  void Advance(Sequence& sequence, std::size_t tokens);
  void Publish(Sequence& sequence);
  // Ends a sequence: its blocks and its permit are back when this returns.
  void Fail(SequencePtr& sequence, absl::Status status);
  void Finish(SequencePtr& sequence, model::DecodingStep last_step, absl::Time now);
  void FinishAtTimeLimit(SequencePtr& sequence, absl::Time now);
  void ForgetEnded();

  std::unique_ptr<model::LanguageModel> model_;
  model::KvCache cache_;
  const model::Tokenizer& tokenizer_;
  Scheduler scheduler_;
  const Options options_;
  const std::function<absl::Time()>& clock_;
  const absl::Status reader_too_slow_;  // made while there is memory

  std::vector<SequencePtr> sequences_;   // in order of their starts; null: ended just now
  std::vector<std::size_t> ready_;       // [at most max_running] indices into sequences_
  std::vector<Completion> completions_;  // not yet taken
  Counts counts_;

  // Scratch of one step.
  std::vector<SequenceState> states_;
  model::Batch batch_;
  std::vector<model::RowRange> logit_rows_;
};

}  // namespace cascade::server
