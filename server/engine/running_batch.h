// Continuous batching: the sequences that run, and the model that they run on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/layers/batch.h"
#include "model/mat_view.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/farewell.h"
#include "server/engine/generation_request.h"
#include "server/engine/request_queue.h"
#include "server/engine/scheduler.h"
#include "server/engine/sequence.h"

namespace cascade::server {

// Owns model, cache and sequences. A sequence that ends gives back its blocks and its permit at
// once and leaves a farewell; who calls says it. Not thread-safe: the worker's.
class RunningBatch {
 public:
  struct Counts {
    std::uint64_t steps = 0;
    std::uint64_t prompt_tokens = 0;     // run
    std::uint64_t generated_tokens = 0;  // chosen
  };

  // As Worker's constructor. `clock` is borrowed.
  RunningBatch(std::unique_ptr<model::Gpt2> model, model::KvCache cache,
               const model::Tokenizer& tokenizer, Scheduler scheduler,
               const std::function<absl::Time()>& clock);

  std::size_t size() const { return sequences_.size(); }
  std::size_t free_blocks() const { return cache_.free_blocks(); }
  const Counts& counts() const { return counts_; }

  // True if the cache can hold it now. REQUIRES: CheckRunnable was OK.
  bool HasBlocksFor(const GenerationRequest& request) const;

  // Puts `request` last. Without memory for it, it ends: RESOURCE_EXHAUSTED.
  // REQUIRES: HasBlocksFor(request), size() below the scheduler's max_running.
  void Start(QueuedRequest request, std::vector<Farewell>& farewells);

  // Ends those for which `why` gives a status that is not OK, with that status.
  void EndIf(absl::FunctionRef<absl::Status(const GenerationRequest&)> why,
             std::vector<Farewell>& farewells);

  // One step: plans, runs the model, chooses tokens and hands them to their sinks (a last token
  // goes into the farewell). If the model throws, all sequences of the step end, and no others.
  // REQUIRES: size() > 0.
  void Step(std::vector<Farewell>& farewells);

 private:
  using SequencePtr = std::unique_ptr<Sequence>;

  model::ConstMatF RunModel(std::span<const PlannedChunk> plan);
  void TakeTokens(std::span<const PlannedChunk> plan, model::ConstMatF logits,
                  std::vector<Farewell>& farewells);
  void TakeToken(SequencePtr& sequence, std::span<const float> logits, absl::Time now,
                 std::vector<Farewell>& farewells);
  void ForgetEnded();

  std::unique_ptr<model::Gpt2> model_;
  model::KvCache cache_;
  const model::Tokenizer& tokenizer_;
  Scheduler scheduler_;
  const std::function<absl::Time()>& clock_;

  std::vector<SequencePtr> sequences_;  // in order of arrival; null: ended just now
  Counts counts_;

  // Scratch of one step.
  std::vector<SequenceState> states_;
  model::Batch batch_;
  std::vector<std::size_t> logit_rows_;
};

}  // namespace cascade::server
