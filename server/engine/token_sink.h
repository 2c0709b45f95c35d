// SPDX-License-Identifier: Apache-2.0
// Where one request's output goes.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generation/decoding_step.h"
#include "model/mat_view.h"

namespace cascade::server {

// How a finished request spent its time, all its choices together. All are durations of the
// worker's clock.
struct Timings {
  absl::Duration queue;    // from Submit to the beginning of its first step
  absl::Duration prefill;  // from there to the first token of any choice
  absl::Duration decode;   // from there to the last token of any choice
};

// How a finished request ran, all its choices together: no part of its result, since it depends on
// what else the worker does.
struct RunStats {
  Timings timings = {};
  std::size_t drafted_tokens = 0;   // that were run ahead of being chosen
  std::size_t accepted_tokens = 0;  // of these, those that were chosen and did not run again
};

// The worker calls it; a transport or a test implements it.
//
// Calls come from the worker's thread only (but Submit refuses a request on its caller's thread),
// in this order: OnStarted once; OnPrompt for the prompt's tokens, if their log-probabilities are
// asked for; OnHidden for its hidden states, if they are; OnStep for every token of every choice,
// the last one of each choice with `finish` set; OnFinished after all choices have finished, or,
// if nothing is generated, after the prompt. OnFailed may come at any time instead, and ends the
// request with all its choices. If the request's time limit passes, an OnStep without a token
// finishes each unfinished choice; of a request that was still queued, these are the only steps,
// and there is no OnStarted.
//
// Exactly one of OnFinished and OnFailed comes, and it is the worker's last use of the sink. The
// request's blocks and permit were given back before that, and before the OnStep that finishes its
// last choice; a choice's own blocks, before the OnStep that finishes it.
//
// The worker holds no lock during a call. No call may block or call the worker: a slow client must
// never stall the batch. OnStarted, OnPrompt, OnHidden and OnStep may throw, which fails their own
// request; the others must not.
class TokenSink {
 public:
  virtual ~TokenSink() = default;

  // The request has its place in the batch. `cached_tokens` of its prompt were found in the prefix
  // cache.
  virtual void OnStarted(std::size_t cached_tokens) = 0;

  // The next of the prompt's tokens, from prompt_logprobs_from on, with their log-probabilities;
  // the prompt's first token has none. All of them come before the first OnStep with a token. Only
  // for requests that ask for them.
  virtual void OnPrompt(std::vector<model::GeneratedToken> /*tokens*/) {}

  // The next of the prompt's final hidden states, from hidden_from on, [tokens, n_embd], each once
  // and in order. Borrowed for the call. Only for requests that ask for them.
  virtual void OnHidden(model::ConstMatF /*rows*/) {}

  // What choice `choice` generated next. 0 <= choice < GenerationRequest::choices. The steps of one
  // choice come in order; those of different choices mix.
  virtual void OnStep(std::size_t choice, model::DecodingStep step) = 0;

  virtual void OnFinished(const RunStats& stats) = 0;

  // CANCELLED: IsCancelled became true. DEADLINE_EXCEEDED: the deadline passed, or could not be
  // met. ABORTED: IsStalled was true for too long. UNAVAILABLE: the worker is shutting down.
  // INTERNAL: the model gave something that is not a number, or failed. RESOURCE_EXHAUSTED: memory
  // ran out, or Submit refused the request because the queue is full. INVALID_ARGUMENT: Submit
  // refused a request that could never run.
  virtual void OnFailed(absl::Status status) = 0;

  // True once nobody is listening any more. The worker polls it between steps; any thread may make
  // it true, and it never becomes false again.
  virtual bool IsCancelled() const = 0;

  // True while the client has left so much unread that it must not get more: the worker leaves all
  // choices of the request out of its steps. The worker polls it between steps; any thread may
  // change it, and must call Worker::Wake when it becomes false, or when IsCancelled becomes true
  // meanwhile.
  virtual bool IsStalled() const = 0;
};

}  // namespace cascade::server
