// SPDX-License-Identifier: Apache-2.0
// One step of the model: which tokens of which sequences run in it, and their outputs.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "model/layers/batch.h"
#include "model/mat_view.h"
#include "model/row_range.h"
#include "server/engine/scheduler.h"
#include "server/engine/sequence.h"

namespace cascade::server {

// Owns the model. Keeps the vectors of a step from one step to the next, so that steps do not
// allocate. Not thread-safe: only the worker's thread uses it.
class ModelStep {
 public:
  // `speculate`: sequences may draft tokens ahead.
  ModelStep(std::unique_ptr<model::LanguageModel> model, Scheduler scheduler, bool speculate);

  const model::ModelConfig& config() const { return model_->config(); }
  std::size_t max_running() const { return scheduler_.max_running(); }

  // Plans the next step of the sequences `ready`: a chunk's `sequence` is an index into them. Valid
  // until the next call. REQUIRES: each has blocks for its tokens; at most max_running().
  std::span<const PlannedChunk> Plan(std::span<Sequence* const> ready);

  // Runs the step that was planned, which begins at `now`. Returns the outputs of the chunks' rows
  // that want them, chunk by chunk: hidden states of the requests that ask for them, and logits of
  // all others. Valid until the next call.
  model::StepOutputs Run(std::span<const PlannedChunk> plan, std::span<Sequence* const> ready,
                         absl::Time now, model::KvCache& cache);

  // Rows of the last step.
  std::size_t rows() const { return batch_.rows(); }

 private:
  std::unique_ptr<model::LanguageModel> model_;
  Scheduler scheduler_;
  const bool speculate_;
  std::vector<SequenceState> states_;
  model::Batch batch_;
  std::vector<model::RowRange> logit_rows_;
  std::vector<model::RowRange> hidden_rows_;
};

}  // namespace cascade::server
