// SPDX-License-Identifier: Apache-2.0

#include "server/engine/scheduler.h"

#include <algorithm>
#include <cassert>

namespace cascade::server {

Scheduler::Scheduler(std::size_t max_running, std::size_t step_tokens)
    : max_running_(max_running), step_tokens_(step_tokens) {
  assert(max_running <= step_tokens);
  plan_.reserve(max_running);
}

std::span<const PlannedChunk> Scheduler::Plan(std::span<const SequenceState> running) {
  assert(running.size() <= max_running_);
  plan_.clear();
  for (std::size_t i = 0; i < running.size(); ++i) {
    assert(running[i].pending > 0 && running[i].wanted > 0);
    assert(running[i].wanted <= running[i].pending);
    if (running[i].pending == 1) {
      plan_.push_back(
          {.sequence = i, .tokens = 1, .draft = 0, .outputs = {.first = 0, .count = 1}});
    }
  }
  // Drafts never compete with a prompt for rows: a prompt row always yields progress, a draft only
  // if the guess was right.
  if (plan_.size() == running.size()) {
    AddDrafts(running);
    return plan_;
  }
  // The oldest prompt takes all rows that are left, instead of each prompt a share: shares would
  // make every prompt wait for the longest, and finish none sooner.
  std::size_t budget = step_tokens_ - plan_.size();
  for (std::size_t i = 0; i < running.size() && budget > 0; ++i) {
    const std::size_t pending = running[i].pending;
    if (pending == 1) continue;
    const std::size_t unwanted = pending - running[i].wanted;
    std::size_t tokens = std::min(pending, budget);
    if (!running[i].hidden) tokens = std::min(tokens, unwanted + kScoredRows);
    model::RowRange outputs;
    if (tokens > unwanted) outputs = {.first = unwanted, .count = tokens - unwanted};
    plan_.push_back({.sequence = i, .tokens = tokens, .draft = 0, .outputs = outputs});
    budget -= tokens;
  }
  return plan_;
}

void Scheduler::AddDrafts(std::span<const SequenceState> running) {
  const std::size_t rows = std::min(kDraftRows, step_tokens_);
  std::size_t budget = rows - std::min(rows, plan_.size());
  for (PlannedChunk& chunk : plan_) {
    chunk.draft = std::min(running[chunk.sequence].draft, budget);
    chunk.outputs.count += chunk.draft;
    budget -= chunk.draft;
  }
}

}  // namespace cascade::server
