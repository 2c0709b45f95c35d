// SPDX-License-Identifier: Apache-2.0
// The parameters of one request's generation. Complete: defaults were filled in before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/processors/processor_params.h"
#include "model/sampling/sampling_params.h"
#include "model/token.h"

namespace cascade::model {

struct StoppingParams {
  std::size_t max_new_tokens = 128;    // at least 1
  std::size_t min_new_tokens = 0;      // before this many, only the limits end a generation
  std::vector<TokenId> eos_token_ids;  // empty: none ends a generation (ignore_eos)
  std::vector<TokenId> stop_token_ids;
  std::vector<std::string> stop;  // non-empty UTF-8 strings
  bool include_stop = false;      // keep a matched stop string in the text
  LengthPenaltyParams length_penalty;
};

// Whose log-probabilities, candidates and ranks are told of a generated token. Those of a prompt's
// tokens are always kRaw: none of them was drawn.
enum class Distribution : std::uint8_t {
  kRaw,        // the model's own: of its logits, before processors, temperature and cuts
  kProcessed,  // the one that the token was drawn from; of a greedy token, the processed logits'
};

struct OutputParams {
  bool logprobs = false;
  Distribution distribution = Distribution::kRaw;
  std::size_t candidates = 0;               // with each log-probability: the most probable tokens
  std::vector<TokenId> candidate_ids = {};  // and these, whatever their probability
  bool ranks = false;                       // and the token's place among all
  // The prompt's tokens too, from this index on: the log-probability of each after those before it.
  // The first token has none.
  std::optional<std::size_t> prompt_logprobs_from = {};
  bool special_tokens_in_text = false;
};

// Beam search: the most probable answers instead of drawn ones. As Hugging Face's generate() with
// do_sample=False, num_beams=width and num_return_sequences=returned.
struct BeamParams {
  // When to stop before the longest answer (Hugging Face's early_stopping), once `width` answers
  // have ended, or in each group its part of them:
  enum class EarlyStopping : std::uint8_t {
    kHeuristic,  // when the best open beam, if it ended now, would be no better (False)
    kWhenFull,   // at once (True)
    kNever,      // when no open beam can become better, at its greatest length ("never")
  };

  std::size_t width = 2;        // beams that are followed, of all groups together
  std::size_t returned = 1;     // answers; at most `width`
  float length_penalty = 1.0F;  // answers are compared by log-probability / tokens^length_penalty
  EarlyStopping early_stopping = EarlyStopping::kHeuristic;

  // Groups of width / groups beams (num_beam_groups). In each step every group searches by itself,
  // but a token loses diversity_penalty for each beam of the groups before that takes it.
  std::size_t groups = 1;
  float diversity_penalty = 0.0F;
};

class Constraint;

struct GenerationParams {
  // Set: beams are followed, nothing is drawn, and `sampling` has no meaning.
  std::optional<BeamParams> beams = {};
  // What the text must be; null: anything. Its vocabulary is that of the tokenizer.
  std::shared_ptr<Constraint> constraint;
  TokenRules tokens;
  PenaltyParams penalties;
  SamplingParams sampling;
  StoppingParams stopping;
  OutputParams output;
};

}  // namespace cascade::model
