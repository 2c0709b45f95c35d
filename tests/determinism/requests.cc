// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/requests.h"

#include <bit>
#include <random>

namespace cascade::testing {

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
    request.params.output = {.logprobs = i % 4 != 0, .candidates = i % 4};
  }
  return requests;
}

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << "tokens";
  for (const model::TokenId token : answer.tokens) out << " " << token;
  out << ", log-probabilities' bits" << std::hex;
  for (const std::uint32_t bits : answer.log_prob_bits) out << " " << bits;
  return out << std::dec;
}

Answer MakeAnswer(const std::vector<model::GeneratedToken>& tokens, const std::string& text,
                  const model::Finish& finish) {
  Answer answer;
  answer.text = text;
  answer.reason = finish.reason;
  for (const model::GeneratedToken& token : tokens) {
    answer.tokens.push_back(token.id);
    if (!token.log_probs) continue;
    answer.log_prob_bits.push_back(std::bit_cast<std::uint32_t>(token.log_probs->chosen));
    for (const model::TokenLogProb& candidate : token.log_probs->candidates) {
      answer.log_prob_bits.push_back(candidate.token);
      answer.log_prob_bits.push_back(std::bit_cast<std::uint32_t>(candidate.log_prob));
    }
  }
  return answer;
}

}  // namespace cascade::testing
