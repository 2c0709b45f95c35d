// SPDX-License-Identifier: Apache-2.0

#include "tests/server/engine/any_template.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/server/engine/tiny_engine.h"
#include "tests/support/constraints.h"

namespace cascade::testing {
namespace {

// Penalties and token rules, which never leave less than half of the tokens.
void AddProcessors(std::mt19937& rng, model::GenerationParams& params) {
  const auto token = [&rng] { return static_cast<model::TokenId>(rng() % 200); };
  model::PenaltyParams& penalties = params.penalties;
  if (rng() % 2 == 0) penalties.repetition = 1.3F;
  if (rng() % 2 == 0) penalties.presence = 0.7F;
  if (rng() % 2 == 0) penalties.frequency = 0.4F;
  if (rng() % 2 == 0) penalties.window = 1 + rng() % 40;
  if (rng() % 2 == 0) penalties.no_repeat_ngram_size = 2 + rng() % 3;
  if (rng() % 2 == 0) penalties.dry = {.multiplier = 0.8F, .allowed_length = 1 + rng() % 3};
  if (rng() % 2 == 0) params.tokens.bias = {{token(), 4.0F}, {token(), -4.0F}};
  if (rng() % 2 == 0) params.tokens.banned = {token(), token(), token()};
  if (rng() % 2 == 0) params.tokens.banned_sequences = {{token()}, {token(), token()}};
  if (rng() % 2 == 0) params.stopping.length_penalty = {.start = rng() % 5, .factor = 1.2F};
  if (rng() % 2 == 0) params.sampling.typical_p = 0.8F;
  if (rng() % 2 == 0) params.sampling.top_n_sigma = 1.5F;
}

// Texts of which much is forced, or little. With no token that ends an answer: it would be missing
// where it is the only one that may come.
void AddConstraint(std::mt19937& rng, const model::TokenTrie& trie,
                   model::GenerationParams& params) {
  const char* const patterns[] = {"[a-y,]*z", "(once-upon-a-time|[A-Z]+)*", "(yes|no|abcdefghi)",
                                  "[!-`]{3}abc[!-ac-~]*"};
  params.constraint = ConstraintTo(patterns[rng() % 4], trie);
  params.stopping.eos_token_ids.clear();
}

model::SamplingParams AnySampling(std::mt19937& rng) {
  model::SamplingParams sampling;
  const float temperatures[] = {0.0F, 0.02F, 0.7F, 1.3F};
  sampling.temperature = temperatures[rng() % 4];
  sampling.seed = rng();
  if (rng() % 3 == 0) sampling.top_k = static_cast<std::uint32_t>(1 + rng() % 50);
  return sampling;
}

model::GenerationParams AnyParams(std::mt19937& rng, const model::TokenTrie& trie) {
  model::GenerationParams params;
  params.sampling = AnySampling(rng);
  params.stopping.max_new_tokens = 1 + rng() % 50;
  params.stopping.min_new_tokens = rng() % 4 == 0 ? rng() % 5 : 0;
  if (rng() % 4 == 0) params.stopping.stop = {"a", "th", "\n", "e "};
  if (rng() % 4 == 0) params.stopping.eos_token_ids = {static_cast<model::TokenId>(rng() % 200)};
  if (rng() % 2 == 0) params.output = {.logprobs = true, .candidates = rng() % 4};
  if (rng() % 3 == 0) params.output.candidate_ids = {199, static_cast<model::TokenId>(rng() % 199)};
  if (rng() % 2 == 0) params.output.distribution = model::Distribution::kProcessed;
  if (rng() % 3 == 0) {
    params.output.prompt_logprobs_from = rng() % 40;
    params.output.ranks = rng() % 2 == 0;
  }
  if (rng() % 2 == 0) {
    AddProcessors(rng, params);
  } else if (rng() % 2 == 0) {
    AddConstraint(rng, trie, params);
  }
  return params;
}

// As many of these as can run are used: see everything_test.
model::BeamParams AnyBeams(std::mt19937& rng) {
  model::BeamParams beams;
  beams.width = 1 + rng() % 4;
  beams.returned = 1 + rng() % beams.width;
  if (beams.width % 2 == 0) beams.groups = 1 + rng() % 2;
  beams.diversity_penalty = 0.3F;
  beams.length_penalty = 0.5F * static_cast<float>(rng() % 4);
  beams.early_stopping = static_cast<model::BeamParams::EarlyStopping>(rng() % 3);
  return beams;
}

// Some want the prompt's own log-probabilities or hidden states alone.
void MakePromptAlone(Template& made, std::mt19937& rng) {
  made.params.stopping.max_new_tokens = 0;
  const std::size_t from = rng() % 2 == 0 ? 0 : rng() % made.prompt.size();
  if (rng() % 2 == 0 || made.prompt.size() == 1) {
    made.params.output.prompt_logprobs_from.reset();
    made.hidden_from = from;
  } else {
    made.params.output.prompt_logprobs_from = from;
  }
}

// Some prompts begin alike, some go round in circles, and some go on where another ended.
std::vector<model::TokenId> AnyPrompt(std::span<const Template> earlier, std::mt19937& rng) {
  std::vector<model::TokenId> prompt;
  const std::size_t size = 1 + rng() % 60;
  const auto what = rng() % 4;
  const std::size_t period = what == 0 ? 1 + rng() % 4 : 1000;
  if (what == 1 && !earlier.empty()) {
    const Template& turn = earlier[rng() % earlier.size()];
    prompt = turn.prompt;
    for (const model::GeneratedToken& token : turn.expected.front().tokens)
      prompt.push_back(token.id);
  }
  while (prompt.size() < size) {
    const std::size_t i = prompt.size() % period;
    const bool common = what == 2 && i < 40;
    prompt.push_back(static_cast<model::TokenId>(common || period < 1000 ? i * 5 : rng() % 200));
  }
  prompt.resize(std::min<std::size_t>(prompt.size(), TinyConfig().n_ctx - 1));
  return prompt;
}

}  // namespace

Template AnyTemplate(std::span<const Template> earlier, const model::TokenTrie& trie,
                     std::mt19937& rng) {
  Template made = {
      .prompt = AnyPrompt(earlier, rng), .params = AnyParams(rng, trie), .expected = {}};
  if (rng() % 5 == 0) {
    MakePromptAlone(made, rng);
  } else if (rng() % 5 == 0) {
    made.params.beams = AnyBeams(rng);
  } else if (rng() % 3 == 0) {
    for (auto count = 1 + rng() % 3; count > 0; --count) {
      made.choice_sampling.push_back(AnySampling(rng));
    }
  }
  return made;
}

}  // namespace cascade::testing
