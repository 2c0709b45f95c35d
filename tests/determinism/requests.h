// SPDX-License-Identifier: Apache-2.0
// What the determinism tests ask of the engine, and what they compare: everything that a client
// sees of an answer, to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/constraints/token_trie.h"
#include "model/generation/decoding.h"
#include "model/generation/generation_params.h"
#include "model/token.h"

namespace cascade::testing {

struct TestRequest {
  std::vector<model::TokenId> prompt;
  model::GenerationParams params;
  std::optional<std::size_t> hidden_from = {};  // with max_new_tokens = 0
};

struct RequestMix {
  std::size_t count = 2;           // at least 2
  std::size_t longest_prompt = 1;  // below config.n_ctx
  std::size_t most_new_tokens = 24;
  bool prompts_alone = false;  // two of seven requests want hidden states or scores, and no token
  bool processors = false;     // two of three requests have penalties and token rules, too
  bool beams = false;          // one of eight searches with two beams
  bool reports = false;  // some tell ranks, given tokens, and what their tokens were drawn from
  const model::TokenTrie* trie = nullptr;  // with it, two of nine have a constraint; borrowed
};

// Greedy and seeded by turns, prompts of 1 to `longest_prompt` tokens, with and without log-
// probabilities and stop strings; with `processors` each logit processor and each cut of the
// sampler is in some of them. A pure function of its arguments, the same on every machine.
std::vector<TestRequest> MixedRequests(const RequestMix& mix, const model::ModelConfig& config);

// One answer, floats as their bits.
struct Answer {
  std::vector<model::TokenId> tokens;
  std::vector<std::uint32_t> log_prob_bits;     // the chosen's; then id and bits of each candidate
  std::vector<std::uint32_t> prompt_bits = {};  // of its hidden states or log-probabilities
  std::string text;
  model::FinishReason reason = model::FinishReason::kMaxTokens;

  friend bool operator==(const Answer&, const Answer&) = default;
};

std::ostream& operator<<(std::ostream& out, const Answer& answer);

// The answer to a request that generates nothing; one of the two is empty.
Answer MakePromptAnswer(const std::vector<model::GeneratedToken>& prompt,
                        const std::vector<float>& hidden);

Answer MakeAnswer(const std::vector<model::GeneratedToken>& tokens, const std::string& text,
                  const model::Finish& finish);

}  // namespace cascade::testing
