// The last that a sink hears.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "model/generation/decoding.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// How a request ended. Made when its blocks and permit are back, said when the stats show it.
struct Farewell {
  TokenSink* sink = nullptr;
  absl::Status status = {};                           // not OK: OnFailed
  std::optional<model::DecodingStep> last_step = {};  // OK: the last OnStep, then OnFinished
  Timings timings = {};
};

// Makes the sink's last calls. An OnStep that throws turns the end into OnFailed.
void Say(Farewell farewell);

// What the exception that is being handled means for the requests that it hit: RESOURCE_EXHAUSTED
// for std::bad_alloc, INTERNAL for all others. The code alone if there is no memory for a message.
// REQUIRES: called from a handler.
absl::Status StatusOfException() noexcept;

}  // namespace cascade::server
