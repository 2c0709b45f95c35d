// Where one request's output goes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generation/decoding.h"

namespace cascade::server {

// How a finished request spent its time. All are durations of the worker's clock.
struct Timings {
  absl::Duration queue;    // from Submit to the beginning of its first step
  absl::Duration prefill;  // from there to its first token
  absl::Duration decode;   // from its first token to its last
};

// The worker calls it; a transport or a test implements it.
//
// Calls come from the worker thread only (a refusal's OnFailed: from Submit), in order: OnStarted,
// OnStep for every token, the last of which has `finish` set, then OnFinished; or OnFailed at any
// time instead. (A time limit that passes in the queue: OnStep with a finish alone.) Exactly one of
// OnFinished and OnFailed comes, and it is the worker's last use of the sink. The request's blocks
// and permit are back before it and before the last OnStep. The worker holds no lock. No call may
// block or call the worker: a slow client must never stall the batch. OnStarted and OnStep may
// throw, which fails their own request; the others must not.
class TokenSink {
 public:
  virtual ~TokenSink() = default;

  // It has its place in the batch. `cached_tokens` of its prompt were in the prefix cache.
  virtual void OnStarted(std::size_t cached_tokens) = 0;

  // A token of choice `choice`, from 0 on.
  virtual void OnStep(std::size_t choice, model::DecodingStep step) = 0;
  virtual void OnFinished(const Timings& timings) = 0;

  // CANCELLED: IsCancelled became true. DEADLINE_EXCEEDED: the deadline passed, or could not be
  // met. ABORTED: IsStalled was true for too long. UNAVAILABLE: the worker is shutting down.
  // INTERNAL: the model gave something that is not a number, or failed. RESOURCE_EXHAUSTED: memory
  // ran out, or Submit refused it because the queue is full. INVALID_ARGUMENT: Submit refused what
  // could never run.
  virtual void OnFailed(absl::Status status) = 0;

  // True once nobody is listening any more. Polled by the worker between steps; any thread may make
  // it true, and it never becomes false again.
  virtual bool IsCancelled() const = 0;

  // True while the client has left so much unread that it must not get more: the worker leaves the
  // sequence out of its steps. Polled between steps; any thread may change it, and calls
  // Worker::Wake when it becomes false, or when IsCancelled becomes true meanwhile.
  virtual bool IsStalled() const = 0;
};

}  // namespace cascade::server
