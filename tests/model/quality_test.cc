// SPDX-License-Identifier: Apache-2.0
// What the smaller types of weights and cache cost, on the bundled model and a tale that it has not
// seen. tests/bench/quality.cc measures the same with more text.
#include "tests/support/quality.h"

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "model/executor.h"
#include "model/source/hugging_face_folder.h"
#include "model/source/model_source.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "tests/support/source_path.h"

namespace cascade::model {
namespace {

using ::cascade::testing::MeasureQuality;
using ::cascade::testing::Quality;
using kernels::KvType;
using kernels::WeightType;

constexpr std::size_t kRows = 48;
constexpr std::size_t kTokens = 600;  // more than one context

const std::string kFolder = testing::BundledModelFolder();

class QualityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(testing::SourcePath("tests/bench/data/the_lamplighters_daughter.txt"));
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    tokens_ = Tokenizer::Load(kFolder)->Encode(text, SpecialTokens::kAsText).value();
    ASSERT_GE(tokens_.size(), kTokens);
    tokens_.resize(kTokens);
  }

  Gpt2 Load(const kernels::Precision& precision) {
    const HuggingFaceFolder folder(kFolder);
    const ModelConfig config = folder.ReadConfig().value();
    LoadedWeights loaded =
        LoadWeights(folder, config,
                    {.type = precision.weights, .activations = precision.activations}, executor_)
            .value();
    return Gpt2(config, std::move(loaded.weights), kRows, executor_);
  }

  InlineExecutor executor_;
  std::vector<TokenId> tokens_;
};

TEST_F(QualityTest, AModelIsAsGoodAsItself) {
  Gpt2 model = Load(WeightType::kF16);
  Gpt2 same = Load(WeightType::kF16);
  const Quality quality = MeasureQuality({model}, {same}, tokens_).value();
  EXPECT_EQ(quality.predictions, kTokens - 1);
  EXPECT_EQ(quality.perplexity, quality.reference_perplexity);
  EXPECT_EQ(quality.mean_error, 0.0);
  EXPECT_EQ(quality.max_error, 0.0);
  EXPECT_EQ(quality.agreement, 1.0);
}

// 47 over many tales; a model that knows nothing has 4096.
TEST_F(QualityTest, TheBundledModelPredictsATaleThatItHasNotSeen) {
  Gpt2 model = Load(WeightType::kF16);
  Gpt2 same = Load(WeightType::kF16);
  EXPECT_LT(MeasureQuality({model}, {same}, tokens_)->perplexity, 60.0);
}

struct Limits {
  double perplexity;  // relative change
  double max_error;   // of a logit
  double agreement;
};

void ExpectWithin(const Quality& quality, const Limits& limits) {
  EXPECT_NEAR(quality.perplexity / quality.reference_perplexity, 1.0, limits.perplexity);
  EXPECT_LE(quality.max_error, limits.max_error);
  EXPECT_GE(quality.agreement, limits.agreement);
  EXPECT_GT(quality.max_error, 0.0);  // or two equal models were compared
}

TEST_F(QualityTest, SmallerWeightsStayCloseToFloat32) {
  Gpt2 exact = Load(WeightType::kF32);
  Gpt2 bf16 = Load(WeightType::kBf16);
  ExpectWithin(MeasureQuality({bf16}, {exact}, tokens_).value(), {0.001, 0.15, 0.99});
  Gpt2 int8 = Load(WeightType::kInt8);
  ExpectWithin(MeasureQuality({int8}, {exact}, tokens_).value(), {0.005, 0.4, 0.98});
  Gpt2 int4 = Load(WeightType::kInt4);
  ExpectWithin(MeasureQuality({int4}, {exact}, tokens_).value(), {0.02, 1.5, 0.93});
}

TEST_F(QualityTest, SmallerActivationsStayCloseToFloat32) {
  Gpt2 exact = Load(WeightType::kF32);
  Gpt2 int8 = Load({WeightType::kInt8, kernels::ActivationType::kInt8});
  ExpectWithin(MeasureQuality({int8}, {exact}, tokens_).value(), {0.005, 0.6, 0.97});
  Gpt2 int4 = Load({WeightType::kInt4, kernels::ActivationType::kInt8});
  ExpectWithin(MeasureQuality({int4}, {exact}, tokens_).value(), {0.02, 1.5, 0.93});
}

TEST_F(QualityTest, Int16ActivationsAreCloserThanBf16Weights) {
  Gpt2 exact = Load(WeightType::kF32);
  Gpt2 bf16 = Load(WeightType::kBf16);
  Gpt2 int16 = Load({WeightType::kBf16, kernels::ActivationType::kInt16});
  const auto of_int16 = MeasureQuality({int16}, {exact}, tokens_).value();
  ExpectWithin(of_int16, {0.0005, 0.03, 0.995});
  EXPECT_LT(of_int16.mean_error, MeasureQuality({bf16}, {exact}, tokens_).value().mean_error);
}

TEST_F(QualityTest, SmallerCachesStayCloseToFloat32) {
  Gpt2 model = Load(WeightType::kF32);
  Gpt2 exact = Load(WeightType::kF32);
  ExpectWithin(MeasureQuality({model, KvType::kBf16}, {exact}, tokens_).value(),
               {0.001, 0.15, 0.99});
  ExpectWithin(MeasureQuality({model, KvType::kF16}, {exact}, tokens_).value(),
               {0.0005, 0.03, 0.995});
  ExpectWithin(MeasureQuality({model, KvType::kInt8}, {exact}, tokens_).value(),
               {0.003, 0.3, 0.98});
}

}  // namespace
}  // namespace cascade::model
