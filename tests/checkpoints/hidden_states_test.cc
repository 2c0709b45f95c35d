// SPDX-License-Identifier: Apache-2.0
// The hidden states of prompts through gRPC, beside Hugging Face's last_hidden_state: 100 prompts
// of 1 to 511 tokens (tests/golden/hidden_states) in one call, in chunks of every size.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

// Hidden states are as large as 14; float32 has 7 digits.
constexpr float kTolerance = 1e-4F;

template <typename T>
std::vector<T> Read(absl::string_view name) {
  const std::string path = testing::SourcePath(absl::StrCat("tests/golden/", name, ".npy"));
  const std::string file = ValueOrDie(model::ReadTextFile(path, std::size_t{1} << 20));
  const model::NpyArray array = ValueOrDie(model::ParseNpy(file, path));
  std::vector<T> values(array.elements.size() / sizeof(T));
  std::memcpy(values.data(), array.elements.data(), array.elements.size());
  return values;
}

// The prompts of the golden states, in their order.
std::vector<std::vector<std::uint32_t>> Prompts(std::size_t count) {
  const std::vector<std::int32_t> lengths = Read<std::int32_t>("prompt_logprobs/lengths");
  const std::vector<std::int32_t> tokens = Read<std::int32_t>("prompt_logprobs/tokens");
  std::vector<std::vector<std::uint32_t>> prompts;
  auto begin = tokens.begin();
  for (std::size_t i = 0; i < count; ++i) {
    prompts.emplace_back(begin, begin + lengths[i]);
    begin += lengths[i];
  }
  return prompts;
}

// The vectors of all prompts, one behind the other.
std::vector<float> Embed(v1::TextGeneration::Stub& stub,
                         const std::vector<std::vector<std::uint32_t>>& prompts,
                         v1::Pooling pooling) {
  v1::EmbedRequest request;
  request.set_pooling(pooling);
  for (const std::vector<std::uint32_t>& prompt : prompts) {
    request.add_inputs()->mutable_token_ids()->mutable_ids()->Add(prompt.begin(), prompt.end());
  }
  grpc::ClientContext context;
  v1::EmbedResponse response;
  const grpc::Status status = stub.Embed(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::vector<float> values;
  for (const v1::Embedding& embedding : response.embeddings()) {
    for (const v1::Vector& vector : embedding.vectors()) {
      values.insert(values.end(), vector.values().begin(), vector.values().end());
    }
  }
  return values;
}

float WorstError(const std::vector<float>& got, const std::vector<float>& golden) {
  EXPECT_EQ(got.size(), golden.size());
  float worst = 0.0F;
  for (std::size_t i = 0; i < std::min(got.size(), golden.size()); ++i) {
    const float error = std::abs(got[i] - golden[i]);
    worst = error <= worst ? worst : error;  // so that NaN stays
  }
  return worst;
}

TEST(HiddenStatesTest, AreHuggingFacesWhateverTheChunks) {
  const std::vector<float> last = Read<float>("hidden_states/last");
  const std::vector<float> mean = Read<float>("hidden_states/mean");
  const std::vector<float> tokens = Read<float>("hidden_states/tokens");
  const std::vector<std::vector<std::uint32_t>> prompts = Prompts(100);
  std::vector<std::vector<std::uint32_t>> shortest;
  for (const std::int32_t i : Read<std::int32_t>("hidden_states/shortest")) {
    shortest.push_back(prompts[static_cast<std::size_t>(i)]);
  }
  for (const std::size_t step_tokens : {std::size_t{40}, std::size_t{512}}) {
    Served served(testing::BundledModelFolder(), [step_tokens](Options& options) {
      options.worker.max_running = 16;
      options.worker.step_tokens = step_tokens;
    });
    const bool small = step_tokens < 512;
    const float worst = std::max(
        WorstError(Embed(served.stub(), prompts, small ? v1::POOLING_LAST : v1::POOLING_MEAN),
                   small ? last : mean),
        WorstError(Embed(served.stub(), shortest, v1::POOLING_TOKENS), tokens));
    RecordProperty("worst", std::to_string(worst));
    EXPECT_LE(worst, kTolerance) << "in steps of " << step_tokens;
  }
}

}  // namespace
}  // namespace cascade::server
