// The outcome of a request, and how its sink hears of it.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "model/generation/decoding.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// A finished request's outcome. Created after the request's KV blocks and admission permit were
// released; delivered to the sink after the statistics were published, so that a client that has
// its answer already sees them updated.
struct Completion {
  // A choice's last step.
  struct LastStep {
    std::size_t choice = 0;
    model::DecodingStep step;
  };

  TokenSink* sink = nullptr;               // borrowed until it was delivered
  absl::Status status = {};                // not OK: the sink hears OnFailed, and no last step
  std::optional<LastStep> last_step = {};  // the last OnStep before OnFinished
  Timings timings = {};                    // of a request that finished
};

// Makes the sink's last calls. If OnStep throws, the request ends with OnFailed.
void Deliver(Completion completion);

// What the exception that is being handled means for the requests that it hit: RESOURCE_EXHAUSTED
// for std::bad_alloc, INTERNAL for all others. The status has no message if there is no memory for
// one. REQUIRES: called from a handler.
absl::Status StatusOfException() noexcept;

}  // namespace cascade::server
