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
    if (running[i].prompt_left == 0) {
      plan_.push_back({.sequence = i, .tokens = 1, .wants_logits = true});
    }
  }
  std::size_t budget = step_tokens_ - plan_.size();
  for (std::size_t i = 0; i < running.size() && budget > 0; ++i) {
    const std::size_t left = running[i].prompt_left;
    if (left == 0) continue;
    const std::size_t tokens = std::min(left, budget);
    plan_.push_back({.sequence = i, .tokens = tokens, .wants_logits = tokens == left});
    budget -= tokens;
  }
  return plan_;
}

}  // namespace cascade::server
