// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/requests.h"

#include <bit>
#include <random>

#include "tests/support/constraints.h"

namespace cascade::testing {

namespace {

void AddProcessors(std::size_t i, const model::ModelConfig& config,
                   model::GenerationParams& params) {
  const auto token = [&config](std::size_t n) {
    return static_cast<model::TokenId>(n * 7919 % config.vocab_size);
  };
  switch (i % 3) {
    case 1:
      params.penalties = {.repetition = 1.3F,
                          .presence = 0.5F,
                          .frequency = 0.25F,
                          .window = i % 2 == 0 ? 0U : 32U,
                          .presence_and_frequency_count_prompt = i % 5 == 0,
                          .no_repeat_ngram_size = 3,
                          .dry = {}};
      params.stopping.min_new_tokens = 2;
      params.stopping.length_penalty = {.start = 3, .factor = 1.1F};
      break;
    case 2:
      params.penalties.dry = {.multiplier = 0.8F, .base = 1.75F, .allowed_length = 1, .window = 64};
      params.tokens.bias = {{token(i), 3.0F}, {token(i + 1), -3.0F}};
      params.tokens.banned = {token(i + 2), token(i + 3)};
      params.tokens.banned_sequences = {{token(i + 4)}, {token(i), token(i)}};
      for (std::size_t n = 0; n < 500; ++n) params.tokens.allowed.push_back(token(i + n));
      params.sampling.typical_p = 0.9F;
      params.sampling.top_n_sigma = 2.0F;
      params.sampling.min_p = 0.01F;
      break;
    default:
      break;
  }
}

// Texts with parts that are forced, and with parts that are not; a request with processors has
// none, since these may leave none of the tokens.
void AddConstraint(std::size_t i, const model::TokenTrie& trie, model::GenerationParams& params) {
  if (i % 9 == 0) params.constraint = ConstraintTo("[^a-f]{5,40}", trie);
  if (i % 9 != 3) return;
  params.constraint =
      ConstraintTo(R"(\{"name": "[^"\\\n]{1,20}", "age": \d{1,3}, "king": (true|false)\})", trie);
  params.stopping.max_new_tokens = 60;
}

void AddReports(std::size_t i, const model::ModelConfig& config, model::OutputParams& output) {
  if (i % 2 == 1) output.distribution = model::Distribution::kProcessed;
  output.ranks = i % 5 < 2;
  if (i % 3 == 0) return;
  for (const std::size_t id : {i, config.vocab_size - 1 - i}) {
    output.candidate_ids.push_back(static_cast<model::TokenId>(id));
  }
}

void AddBeams(std::size_t i, model::GenerationParams& params) {
  if (i % 8 != 6) return;
  params.beams = model::BeamParams();
  params.beams->length_penalty = 0.7F;
  params.beams->groups = i % 16 == 6 ? 1 : 2;
  params.beams->diversity_penalty = 0.5F;
}

void MakePromptAlone(std::size_t i, TestRequest& request) {
  const std::size_t from = i % 2 == 0 ? 0 : request.prompt.size() / 2;
  if (i % 7 == 3) {
    request.hidden_from = from;
  } else if (i % 7 == 5 && request.prompt.size() > 1) {
    request.params.output.prompt_logprobs_from = from;
    request.params.output.ranks = true;
  } else {
    return;
  }
  request.params.stopping.max_new_tokens = 0;
  request.params.beams.reset();
}

// All that is told of a token's log-probabilities, and what best_of compares.
void Append(const model::LogProbs& log_probs, std::vector<std::uint32_t>& bits) {
  bits.push_back(std::bit_cast<std::uint32_t>(log_probs.chosen));
  for (const auto* candidates : {&log_probs.candidates, &log_probs.given}) {
    for (const model::TokenLogProb& candidate : *candidates) {
      bits.push_back(candidate.token);
      bits.push_back(std::bit_cast<std::uint32_t>(candidate.log_prob));
    }
  }
  if (log_probs.rank > 0) bits.push_back(static_cast<std::uint32_t>(log_probs.rank));
  if (log_probs.raw) bits.push_back(std::bit_cast<std::uint32_t>(*log_probs.raw));
}

}  // namespace

std::vector<TestRequest> MixedRequests(const RequestMix& mix, const model::ModelConfig& config) {
  std::mt19937 rng(11);  // the standard says what it gives; of its distributions it does not
  std::vector<TestRequest> requests(mix.count);
  for (std::size_t i = 0; i < mix.count; ++i) {
    TestRequest& request = requests[i];
    const std::size_t length = 1 + i * (mix.longest_prompt - 1) / (mix.count - 1);
    for (std::size_t t = 0; t < length; ++t) {
      request.prompt.push_back(static_cast<model::TokenId>(rng() % config.vocab_size));
    }
    request.params.sampling = {.temperature = i % 2 == 0 ? 0.0F : 0.9F,
                               .top_k = i % 3 == 0 ? 40U : 0U,
                               .top_p = i % 5 == 0 ? 0.9F : 1.0F,
                               .seed = rng()};
    request.params.stopping.max_new_tokens = 1 + rng() % mix.most_new_tokens;
    request.params.stopping.eos_token_ids = config.eos_token_ids;
    if (i % 7 == 0) request.params.stopping.stop = {"the end"};
    if (mix.processors) AddProcessors(i, config, request.params);
    if (mix.beams) AddBeams(i, request.params);
    if (mix.trie != nullptr) AddConstraint(i, *mix.trie, request.params);
    request.params.output = {.logprobs = i % 4 != 0, .candidates = i % 4};
    if (mix.reports) AddReports(i, config, request.params.output);
    if (mix.prompts_alone) MakePromptAlone(i, request);
  }
  return requests;
}

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << "tokens";
  for (const model::TokenId token : answer.tokens) out << " " << token;
  out << ", log-probabilities' bits" << std::hex;
  for (const std::uint32_t bits : answer.log_prob_bits) out << " " << bits;
  for (const std::uint32_t bits : answer.prompt_bits) out << " " << bits;
  return out << std::dec;
}

Answer MakePromptAnswer(const std::vector<model::GeneratedToken>& prompt,
                        const std::vector<float>& hidden) {
  Answer answer;
  for (const model::GeneratedToken& token : prompt) {
    answer.prompt_bits.push_back(token.id);
    if (token.log_probs) Append(*token.log_probs, answer.prompt_bits);
  }
  for (const float x : hidden) answer.prompt_bits.push_back(std::bit_cast<std::uint32_t>(x));
  return answer;
}

Answer MakeAnswer(const std::vector<model::GeneratedToken>& tokens, const std::string& text,
                  const model::Finish& finish) {
  Answer answer;
  answer.text = text;
  answer.reason = finish.reason;
  for (const model::GeneratedToken& token : tokens) {
    answer.tokens.push_back(token.id);
    if (token.log_probs) Append(*token.log_probs, answer.log_prob_bits);
  }
  if (finish.beam_score) {
    const auto bits = std::bit_cast<std::uint64_t>(*finish.beam_score);
    answer.log_prob_bits.push_back(static_cast<std::uint32_t>(bits >> 32));
    answer.log_prob_bits.push_back(static_cast<std::uint32_t>(bits));
  }
  return answer;
}

}  // namespace cascade::testing
