// SPDX-License-Identifier: Apache-2.0
// The outcome of a request, and how its sink hears of it.
#pragma once

#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "model/generation/decoding_step.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// A finished request's outcome. Created after the request's KV blocks and admission permit were
// released; delivered to the sink after the statistics were published, so that a client that has
// its answer already sees them updated.
struct Completion {
  // The step that finishes one choice.
  struct LastStep {
    std::size_t choice = 0;
    model::DecodingStep step;
  };

  TokenSink* sink = nullptr;  // borrowed until delivery
  absl::Status status = {};   // not OK: the sink hears OnFailed and nothing else
  // OK: the sink hears these steps, then OnFinished. Of one choice in general; of several if the
  // time limit finished them at once; all steps of all answers of beams; of none if nothing was
  // generated. One takes no memory of its own.
  absl::InlinedVector<LastStep, 1> last_steps = {};
  RunStats stats = {};
};

// What was done with a started request when an exception hit it: for StatusOfException.
inline constexpr char kWhileRunning[] = "the request was running";

// Makes the sink's last calls. If OnStep throws, the request ends with OnFailed.
void Deliver(Completion completion);

}  // namespace cascade::server
