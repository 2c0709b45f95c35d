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
#include "server/engine/farewell.h"
#include "server/engine/generation_request.h"
#include "server/engine/request_queue.h"
#include "server/engine/scheduler.h"
#include "server/engine/sequence.h"

namespace cascade::server {

// Owns model, cache and sequences. A sequence that was started is ready (it has blocks and a reader
// that keeps up), stalled (its reader does not) or preempted (its blocks were taken; it has to run
// again what it has run). Of the ready ones, the oldest max_running are in each step.
//
// A sequence that ends gives back its blocks and its permit at once and leaves a farewell; who
// calls says it. Not thread-safe: the worker's.
class RunningBatch {
 public:
  struct Options {
    bool prefix_cache = true;
    bool kv_overcommit = false;
    bool speculate = true;
    absl::Duration stalled_reader_limit = absl::Seconds(30);
  };

  struct Counts {
    std::uint64_t steps = 0;
    std::uint64_t prompt_tokens = 0;      // run, the first time
    std::uint64_t cached_tokens = 0;      // of prompts, found in the prefix cache
    std::uint64_t recomputed_tokens = 0;  // run again after a preemption
    std::uint64_t generated_tokens = 0;   // chosen
    std::uint64_t drafted_tokens = 0;     // run ahead, on trial
    std::uint64_t accepted_tokens = 0;    // of those, the ones that were right
    std::uint64_t preemptions = 0;
    std::uint64_t finished = 0;  // requests that came to their own end
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

  // Looks at every sink, then ends those for which `why` gives a status that is not OK, with that
  // status; finishes those whose time is up; ends those that have been stalled for too long.
  void EndIf(absl::FunctionRef<absl::Status(const GenerationRequest&)> why, absl::Time now,
             std::vector<Farewell>& farewells);

  // Finds out who is ready, and gives preempted sequences blocks again, the oldest first and each
  // only when all that it may ever need is free; without memory for that, it ends:
  // RESOURCE_EXHAUSTED. Call it after EndIf, before TryStart and Step.
  void Refresh(std::vector<Farewell>& farewells);

  // Starts `queued` and leaves it empty, if there is a place in the batch and the cache has blocks:
  // all that it may ever need, or, with kv_overcommit, those of its prompt. Blocks of stalled
  // sequences are taken if that is what it needs. Nobody starts before a preempted sequence.
  // Without memory for it, it ends: RESOURCE_EXHAUSTED. REQUIRES: CheckRunnable was OK.
  bool TryStart(QueuedRequest& queued, std::vector<Farewell>& farewells);

  // One step, if somebody is ready: plans, runs the model, chooses tokens and hands them to their
  // sinks (a last token goes into the farewell). If the model throws, all sequences of the step
  // end, and no others. Returns the rows that were run.
  std::size_t Step(std::vector<Farewell>& farewells);

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
  void FailStep(std::span<const PlannedChunk> plan, const absl::Status& status,
                std::vector<Farewell>& farewells);
  Sequence& Of(const PlannedChunk& chunk) { return *sequences_[ready_[chunk.sequence]]; }
  model::ConstMatF RunModel(std::span<const PlannedChunk> plan);
  void TakeTokens(std::span<const PlannedChunk> plan, model::ConstMatF logits,
                  std::vector<Farewell>& farewells);
  void TakeTokensOf(SequencePtr& sequence, const PlannedChunk& chunk, model::ConstMatF logits,
                    absl::Time now, std::vector<Farewell>& farewells);
  bool TakeToken(SequencePtr& sequence, std::span<const float> logits, absl::Time now,
                 std::vector<Farewell>& farewells);
  void Advance(Sequence& sequence, std::size_t tokens);
  void Publish(Sequence& sequence);
  void Finish(SequencePtr& sequence, model::DecodingStep last_step, absl::Time now,
              std::vector<Farewell>& farewells);
  void FinishAtTimeLimit(SequencePtr& sequence, absl::Time now, std::vector<Farewell>& farewells);
  void ForgetEnded();

  std::unique_ptr<model::LanguageModel> model_;
  model::KvCache cache_;
  const model::Tokenizer& tokenizer_;
  Scheduler scheduler_;
  const Options options_;
  const std::function<absl::Time()>& clock_;
  const absl::Status reader_too_slow_;  // made while there is memory

  std::vector<SequencePtr> sequences_;  // in order of their starts; null: ended just now
  std::vector<std::size_t> ready_;      // [at most max_running] indices into sequences_
  Counts counts_;

  // Scratch of one step.
  std::vector<SequenceState> states_;
  model::Batch batch_;
  std::vector<model::RowRange> logit_rows_;
};

}  // namespace cascade::server
