// SPDX-License-Identifier: Apache-2.0
// How requests that run come to their end.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generation/beam_search.h"
#include "model/generation/decoding_step.h"
#include "server/engine/completion.h"
#include "server/engine/request_group.h"
#include "server/engine/sequence.h"
#include "server/engine/stats.h"

namespace cascade::server {

// Ends requests: gives back what they hold, and keeps their completions until they are taken. To
// end a request takes no memory, unless its last step does.
//
// Not thread-safe: only the worker's thread uses it.
class CompletionList {
 public:
  // With room for the completions of `max_requests` requests; more take memory. `counts` is
  // borrowed.
  CompletionList(std::size_t max_requests, Counts& counts);

  // Ends a group with an error. Nothing happens if it has ended already.
  void Fail(RequestGroup& group, absl::Status status);

  // Ends a request that could not be started, and holds nothing any more.
  void FailUnstarted(TokenSink& sink, absl::Status status);

  // Ends a choice with its last step, and, if no other choice is left, its group. A step that is
  // not the group's last goes to the sink at once, which may throw: then the group has not ended.
  // REQUIRES: the choice is finished.
  void Finish(Sequence& choice, model::DecodingStep last_step, absl::Time now);

  // Ends a group of beams with the answers that were found, the best first.
  void FinishBeams(RequestGroup& group, std::vector<model::BeamSearch::Answer> answers,
                   absl::Time now);

  // Ends a group that generates nothing, and whose prompt has run.
  void FinishPrompt(RequestGroup& group, absl::Time now);

  // Finishes all choices of a group where they stand. Without memory for that, the group fails.
  void FinishAtTimeLimit(RequestGroup& group, absl::Time now);

  // Moves the completions to the end of `into`.
  void TakeInto(std::vector<Completion>& into);

 private:
  void CountFinished(const RequestGroup& group);

  std::vector<Completion> completions_;
  Counts& counts_;
};

}  // namespace cascade::server
