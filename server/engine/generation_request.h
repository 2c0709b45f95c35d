// SPDX-License-Identifier: Apache-2.0
// What the engine is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "model/generation/generation_params.h"
#include "model/token.h"
#include "server/engine/admission.h"
#include "server/engine/caller.h"
#include "server/engine/token_sink.h"

namespace cascade::server {

// One admitted request, in the engine's vocabulary: validated, tokenized, every default resolved.
// Move-only: it holds the admission permit, so dropping it frees the place.
//
// A request has one or more choices: continuations of the one prompt, which differ in how their
// tokens are drawn alone. Choice i of a request gives, to the bit, what a request of one choice
// gives that is drawn with choice_sampling[i], or, if that list ends before i, whose seed is this
// request's seed + i, modulo 2^64.
//
// A request with params.beams searches for its answers: its choices are then the beams, as many as
// their width, and do not differ in random numbers. The sink hears of the answers when all have
// been found, as choices 0, 1, ..., the best first.
//
// A request with `resumed` > 0 goes on with an answer that broke off elsewhere: the last of its
// prompt's tokens are the answer's first ones. They run as the prompt does. Everything else is as
// if this request had generated them: they count for max_new_tokens and penalties, stop strings may
// have begun in them, and the next token is the one that followed. It has one choice, no beams, and
// wants nothing of its prompt.
//
// A request with max_new_tokens = 0 generates nothing: it ends when what it wants of its prompt has
// been computed. It has one choice and wants one of two things: hidden states (`hidden_from`), or
// the prompt's log-probabilities (OutputParams::prompt_logprobs_from). No room is needed behind the
// prompt, and for log-probabilities the prompt's last token need not even run: so a prompt of
// hidden states may have n_ctx tokens, and one that is scored n_ctx + 1.
struct GenerationRequest {
  std::string id;                          // for logs, and for its owner to abort it by
  std::string owner;                       // who may abort it: a caller's name, or a peer's address
  std::vector<model::TokenId> prompt;      // 1 to n_ctx - 1 tokens, each below vocab_size; then the
                                           // resumed ones
  std::size_t resumed = 0;                 // of these, that are the answer's
  model::GenerationParams params;          // of every choice
  std::optional<std::size_t> hidden_from;  // the final hidden states of the prompt's tokens, from
                                           // this index on; only with max_new_tokens = 0
  std::size_t choices = 1;                 // at least 1, at most WorkerOptions::max_running; of
                                           // beams, their width
  std::vector<model::SamplingParams> choice_sampling;  // of the first choices, in place of
                                                       // params.sampling; no more than `choices`
  absl::Time deadline = absl::InfiniteFuture();        // fails with DEADLINE_EXCEEDED at this time
  absl::Time finish_by = absl::InfiniteFuture();  // at this time, unfinished choices finish with
                                                  // kTimeLimit and the tokens that they have
  Caller caller = 0;                              // requests of equal priority take turns by caller
  int priority = 0;                               // requests of a higher priority start first
  bool use_prefix_cache = true;                   // false: neither reads it nor adds to it
  std::string cache_salt;                         // only requests of equal salts share prefixes
  bool speculate = true;                          // may draft tokens ahead; never changes a result
  bool follows = false;       // a call that was let in has it to be done: no full queue refuses it
  TokenSink* sink = nullptr;  // borrowed until OnFinished or OnFailed
  Admission::Permit permit;
};

}  // namespace cascade::server
