// SPDX-License-Identifier: Apache-2.0

#include "server/engine/model_step.h"

#include <utility>

#include "server/engine/limits.h"
#include "server/engine/request_group.h"

namespace cascade::server {

ModelStep::ModelStep(std::unique_ptr<model::LanguageModel> model, Scheduler scheduler,
                     bool speculate)
    : model_(std::move(model)), scheduler_(std::move(scheduler)), speculate_(speculate) {
  states_.reserve(max_running());
  logit_rows_.reserve(max_running());
  hidden_rows_.reserve(max_running());
}

std::span<const PlannedChunk> ModelStep::Plan(std::span<Sequence* const> ready) {
  states_.clear();
  for (Sequence* const sequence : ready) {
    const GenerationRequest& request = sequence->request();
    SequenceState state{.pending = sequence->pending(),
                        .draft = 0,
                        .wanted = sequence->WantedRows(),
                        .hidden = request.hidden_from.has_value()};
    const bool drafts = Generates(request) && !request.params.beams;
    if (state.pending == 1 && speculate_ && request.speculate && drafts) {
      state.draft = sequence->Draft();
    }
    states_.push_back(state);
  }
  return scheduler_.Plan(states_);
}

model::StepOutputs ModelStep::Run(std::span<const PlannedChunk> plan,
                                  std::span<Sequence* const> ready, absl::Time now,
                                  model::KvCache& cache) {
  batch_.Clear();
  logit_rows_.clear();
  hidden_rows_.clear();
  for (const PlannedChunk& chunk : plan) {
    Sequence& sequence = *ready[chunk.sequence];
    sequence.group().MarkStarted(now);
    std::vector<model::RowRange>& rows =
        sequence.request().hidden_from ? hidden_rows_ : logit_rows_;
    rows.push_back({.first = batch_.rows() + chunk.outputs.first, .count = chunk.outputs.count});
    batch_.Add(sequence.blocks(), sequence.position(), sequence.NextTokens(chunk.rows()));
  }
  return model_->Forward(batch_, {.logits = logit_rows_, .hidden = hidden_rows_}, cache);
}

}  // namespace cascade::server
