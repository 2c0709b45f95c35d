// SPDX-License-Identifier: Apache-2.0
// The log-probabilities of prompts' own tokens through gRPC, beside Hugging Face's: 200 prompts of
// 1 to 511 tokens (tests/golden/prompt_logprobs), in chunks of every size, many of them with a
// prefix in the cache.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/npy.h"
#include "model/json_document.h"
#include "tests/server/served.h"
#include "tests/support/source_path.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using testing::Served;
using testing::ValueOrDie;

constexpr float kTolerance = 1e-4F;
constexpr std::size_t kEvery = CASCADE_EVERY_PROMPT;  // 1, or more under a sanitizer

template <typename T>
std::vector<T> Read(absl::string_view name) {
  const std::string path =
      testing::SourcePath(absl::StrCat("tests/golden/prompt_logprobs/", name, ".npy"));
  const std::string file = ValueOrDie(model::ReadTextFile(path, std::size_t{1} << 20));
  const model::NpyArray array = ValueOrDie(model::ParseNpy(file, path));
  std::vector<T> values(array.elements.size() / sizeof(T));
  std::memcpy(values.data(), array.elements.data(), array.elements.size());
  return values;
}

// One prompt, and what Hugging Face says of its tokens; the first number means nothing.
struct GoldenPrompt {
  std::vector<std::uint32_t> tokens;
  std::vector<float> log_probs;
};

std::vector<GoldenPrompt> GoldenPrompts() {
  const std::vector<std::int32_t> lengths = Read<std::int32_t>("lengths");
  const std::vector<std::int32_t> tokens = Read<std::int32_t>("tokens");
  const std::vector<float> log_probs = Read<float>("log_probs");
  std::vector<GoldenPrompt> prompts;
  auto token = tokens.begin();
  auto log_prob = log_probs.begin();
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto token_end = token + lengths[i];
    const auto log_prob_end = log_prob + lengths[i];
    if (i % kEvery == 0) prompts.push_back({{token, token_end}, {log_prob, log_prob_end}});
    token = token_end;
    log_prob = log_prob_end;
  }
  return prompts;
}

v1::PromptInfo Score(v1::TextGeneration::Stub& stub, const GoldenPrompt& golden,
                     std::uint32_t from) {
  v1::GenerateRequest request;
  request.mutable_token_ids()->mutable_ids()->Add(golden.tokens.begin(), golden.tokens.end());
  request.mutable_stopping()->set_max_new_tokens(1);
  request.mutable_response()->set_prompt_logprobs(true);
  request.mutable_response()->set_prompt_logprobs_from(from);
  grpc::ClientContext context;
  v1::GenerateResponse response;
  const grpc::Status status = stub.Generate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.prompt();
}

// The largest difference to Hugging Face of the prompt's tokens from `from` on.
float WorstError(const v1::PromptInfo& info, const GoldenPrompt& golden, std::size_t from) {
  EXPECT_EQ(static_cast<std::size_t>(info.logprobs_size()), golden.tokens.size() - from);
  float worst = 0.0F;
  for (int i = 0; i < info.logprobs_size(); ++i) {
    const v1::TokenLogProbs& token = info.logprobs(i);
    const std::size_t place = from + static_cast<std::size_t>(i);
    EXPECT_EQ(token.token_id(), golden.tokens[place]);
    EXPECT_EQ(token.has_logprob(), place > 0);
    if (place == 0) continue;
    worst = std::max(worst, std::abs(token.logprob() - golden.log_probs[place]));
  }
  return worst;
}

TEST(PromptLogProbsTest, AreHuggingFacesWhateverTheChunksAndTheCache) {
  constexpr std::size_t kStepTokens[] = {8, 100, 512};
  const std::vector<GoldenPrompt> prompts = GoldenPrompts();
  float worst = 0.0F;
  std::size_t cached = 0;
  for (std::size_t size = 0; size < std::size(kStepTokens); ++size) {
    Served served(testing::BundledModelFolder(), [&](Options& options) {
      options.worker.max_running = 4;
      options.worker.step_tokens = kStepTokens[size];
    });
    for (std::size_t i = size; i < prompts.size(); i += std::size(kStepTokens)) {
      // The second time the cache has the prompt, and gives what lies before the half.
      for (const std::size_t from : {std::size_t{0}, prompts[i].tokens.size() / 2}) {
        if (from > 0 && i % 4 != 0) continue;
        const v1::PromptInfo info =
            Score(served.stub(), prompts[i], static_cast<std::uint32_t>(from));
        worst = std::max(worst, WorstError(info, prompts[i], from));
        cached += info.cached_tokens();
      }
    }
  }
  RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, kTolerance);
  EXPECT_GT(cached, 0U);
}

}  // namespace
}  // namespace cascade::server
