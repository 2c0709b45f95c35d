// SPDX-License-Identifier: Apache-2.0

#include "server/engine/completion_list.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include "server/engine/exception_status.h"

namespace cascade::server {

CompletionList::CompletionList(std::size_t max_requests, Counts& counts) : counts_(counts) {
  completions_.reserve(max_requests);
}

void CompletionList::Fail(RequestGroup& group, absl::Status status) {
  if (group.released()) return;
  group.Release();
  completions_.push_back({.sink = group.request().sink, .status = std::move(status)});
}

void CompletionList::FailUnstarted(TokenSink& sink, absl::Status status) {
  completions_.push_back({.sink = &sink, .status = std::move(status)});
}

void CompletionList::Finish(Sequence& choice, model::DecodingStep last_step, absl::Time now) {
  assert(choice.finished());
  RequestGroup& group = choice.group();
  choice.ReleaseBlocks();
  if (group.CountUnfinished() > 0) {
    group.request().sink->OnStep(choice.choice(), std::move(last_step));
    return;
  }
  Completion completion = {.sink = group.request().sink, .stats = group.run_stats(now)};
  completion.last_steps.push_back({.choice = choice.choice(), .step = std::move(last_step)});
  group.Release();
  CountFinished(group);
  completions_.push_back(std::move(completion));
}

void CompletionList::FinishBeams(RequestGroup& group,
                                 std::vector<model::BeamSearch::Answer> answers, absl::Time now) {
  Completion completion = {.sink = group.request().sink, .stats = group.run_stats(now)};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (model::DecodingStep& step : answers[i]) {
      completion.last_steps.push_back({.choice = i, .step = std::move(step)});
    }
  }
  group.Release();
  CountFinished(group);
  completions_.push_back(std::move(completion));
}

void CompletionList::FinishPrompt(RequestGroup& group, absl::Time now) {
  Completion completion = {.sink = group.request().sink, .stats = group.run_stats(now)};
  group.Release();
  CountFinished(group);
  completions_.push_back(std::move(completion));
}

void CompletionList::FinishAtTimeLimit(RequestGroup& group, absl::Time now) {
  constexpr auto kReason = model::FinishReason::kTimeLimit;
  try {
    if (group.beams() != nullptr) {
      FinishBeams(group, group.beams()->search().Stop(kReason), now);
      return;
    }
    Completion completion = {.sink = group.request().sink, .stats = group.run_stats(now)};
    for (const auto& choice : group.choices()) {
      if (choice->finished()) continue;
      completion.last_steps.push_back({.choice = choice->choice(), .step = choice->Stop(kReason)});
    }
    group.Release();
    CountFinished(group);
    completions_.push_back(std::move(completion));
  } catch (...) {
    Fail(group, StatusOfException(kWhileRunning));
  }
}

void CompletionList::CountFinished(const RequestGroup& group) {
  ++counts_.finished;
  counts_.finished_choices += group.choices().size();
  if (group.beams() != nullptr) {
    counts_.finished_tokens += group.beams()->generated_tokens();
    return;
  }
  for (const auto& choice : group.choices()) counts_.finished_tokens += choice->generated_tokens();
}

void CompletionList::TakeInto(std::vector<Completion>& into) {
  std::ranges::move(completions_, std::back_inserter(into));
  completions_.clear();
}

}  // namespace cascade::server
