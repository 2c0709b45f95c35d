// SPDX-License-Identifier: Apache-2.0

#include "tests/support/random_weights.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/config.h"
#include "tests/support/scattering_executor.h"

namespace cascade::testing {
namespace {

using model::Gpt2Weights;
using model::InlineExecutor;
using model::ModelConfig;
using model::kernels::PackedMatrix;
using model::kernels::WeightType;

ModelConfig SmallConfig() {
  return {
      .n_layer = 2, .n_head = 4, .n_embd = 64, .n_inner = 256, .n_ctx = 512, .vocab_size = 2000};
}

Gpt2Weights Random(std::uint64_t seed) {
  InlineExecutor executor;
  return RandomGpt2Weights(SmallConfig(), WeightType::kF32, seed, executor);
}

std::vector<float> Columns(const PackedMatrix& matrix) {
  std::vector<float> values(matrix.n_in() * matrix.n_out());
  for (std::size_t column = 0; column < matrix.n_out(); ++column) {
    matrix.CopyColumn(column, std::span(values).subspan(column * matrix.n_in(), matrix.n_in()));
  }
  return values;
}

double Mean(const std::vector<float>& values) {
  double sum = 0.0;
  for (const float value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Deviation(const std::vector<float>& values) {
  const double mean = Mean(values);
  double sum = 0.0;
  for (const float value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

TEST(RandomWeightsTest, HasTheScalesOfAnUntrainedGpt2) {
  const Gpt2Weights weights = Random(1);
  EXPECT_NEAR(Mean(Columns(weights.wte)), 0.0, 0.0005);
  EXPECT_NEAR(Deviation(Columns(weights.wte)), 0.02, 0.0005);
  EXPECT_NEAR(Deviation(weights.wpe), 0.02, 0.0005);
  EXPECT_NEAR(Deviation(Columns(weights.h[1].mlp.c_fc.weight)), 0.02, 0.0005);
  EXPECT_NEAR(Deviation(Columns(weights.h[1].mlp.c_proj.weight)), 0.01, 0.0005);  // 2 layers
  EXPECT_NEAR(Deviation(Columns(weights.h[0].attn.c_proj.weight)), 0.01, 0.0005);
  EXPECT_NEAR(Mean(weights.ln_f.gamma), 1.0, 0.01);
  EXPECT_NEAR(Mean(weights.ln_f.beta), 0.0, 0.01);
}

TEST(RandomWeightsTest, IsAFunctionOfTheSeed) {
  EXPECT_EQ(Columns(Random(1).wte), Columns(Random(1).wte));
  EXPECT_NE(Columns(Random(1).wte), Columns(Random(2).wte));
  const Gpt2Weights weights = Random(1);
  EXPECT_NE(weights.h[0].ln_1.gamma, weights.h[1].ln_1.gamma);
}

TEST(RandomWeightsTest, DoesNotDependOnTheExecutor) {
  ScatteringExecutor executor;
  const Gpt2Weights split = RandomGpt2Weights(SmallConfig(), WeightType::kF32, 1, executor);
  const Gpt2Weights whole = Random(1);
  EXPECT_EQ(Columns(split.wte), Columns(whole.wte));
  EXPECT_EQ(split.wpe, whole.wpe);
}

TEST(RandomWeightsTest, HasAHeadOfItsOwnIfNotTied) {
  InlineExecutor executor;
  ModelConfig config = SmallConfig();
  EXPECT_FALSE(RandomGpt2Weights(config, WeightType::kBf16, 1, executor).lm_head.has_value());
  config.tie_word_embeddings = false;
  const Gpt2Weights weights = RandomGpt2Weights(config, WeightType::kBf16, 1, executor);
  ASSERT_TRUE(weights.lm_head.has_value());
  EXPECT_EQ(weights.lm_head->n_out(), config.vocab_size);
  EXPECT_EQ(weights.Head().type(), WeightType::kBf16);
}

}  // namespace
}  // namespace cascade::testing
