// SPDX-License-Identifier: Apache-2.0

#include "server/engine/model_step.h"

#include <utility>

#include "server/engine/request_group.h"

namespace cascade::server {

ModelStep::ModelStep(std::unique_ptr<model::LanguageModel> model, Scheduler scheduler,
                     bool speculate)
    : model_(std::move(model)), scheduler_(std::move(scheduler)), speculate_(speculate) {
  states_.reserve(max_running());
  logit_rows_.reserve(max_running());
}

std::span<const PlannedChunk> ModelStep::Plan(std::span<Sequence* const> ready) {
  states_.clear();
  for (Sequence* const sequence : ready) {
    SequenceState state{
        .pending = sequence->pending(), .draft = 0, .wanted = sequence->WantedLogits()};
    if (state.pending == 1 && speculate_ && sequence->request().speculate) {
      state.draft = sequence->Draft();
    }
    states_.push_back(state);
  }
  return scheduler_.Plan(states_);
}

model::ConstMatF ModelStep::Run(std::span<const PlannedChunk> plan,
                                std::span<Sequence* const> ready, absl::Time now,
                                model::KvCache& cache) {
  batch_.Clear();
  logit_rows_.clear();
  for (const PlannedChunk& chunk : plan) {
    Sequence& sequence = *ready[chunk.sequence];
    sequence.group().MarkStarted(now);
    logit_rows_.push_back(
        {.first = batch_.rows() + chunk.logits.first, .count = chunk.logits.count});
    batch_.Add(sequence.blocks(), sequence.position(), sequence.NextTokens(chunk.rows()));
  }
  return model_->Forward(batch_, {.logits = logit_rows_}, cache).logits;
}

}  // namespace cascade::server
