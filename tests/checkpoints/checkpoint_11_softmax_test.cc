// Checkpoint 11: probabilities are PyTorch's softmax(logits / temperature), and after top-k, top-p
// and min-p those that Hugging Face draws from.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/kernels/reductions.h"
#include "model/layers/scratch.h"
#include "model/sampling/sampler.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::CopyOf;
using ::cascade::testing::GoldenTensor;

double Sum(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value);
  return sum;
}

// Softmax of every row.
Tensor SoftmaxOf(ConstMatF logits, float temperature) {
  Tensor out(logits.rows(), logits.cols());
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    kernels::Softmax(logits.Row(r), temperature, out.Rows(logits.rows()).Row(r));
  }
  return out;
}

class Checkpoint11Softmax : public testing::CheckpointTest {
 protected:
  Checkpoint11Softmax() : CheckpointTest(testing::checkpoints::kSoftmax) {}
};

TEST_P(Checkpoint11Softmax, MatchesPyTorch) {
  const GoldenTensor logits = Golden("sampling/logits");
  const GoldenTensor temperatures = Golden("sampling/temperatures");
  const GoldenTensor expected = Golden("sampling/softmax");
  for (std::size_t t = 0; t < temperatures.values.size(); ++t) {
    Tensor actual = SoftmaxOf(logits.AsMat(), temperatures.values[t]);
    ExpectMatches(actual.Rows(actual.rows()), expected.At(t),
                  absl::StrCat("temperature ", temperatures.values[t]));
  }
}

TEST_P(Checkpoint11Softmax, CutsWhatHuggingFaceCuts) {
  const GoldenTensor logits = Golden("sampling/logits");
  const GoldenTensor expected = Golden("sampling/distributions");
  const nlohmann::json cases = GoldenJson("sampling/cases");
  ASSERT_EQ(cases.size(), expected.AsMat().rows());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const nlohmann::json& golden = cases[i];
    Sampler sampler({.temperature = golden["temperature"].get<float>(),
                     .top_k = golden["top_k"].get<std::uint32_t>(),
                     .top_p = golden["top_p"].get<float>(),
                     .min_p = golden["min_p"].get<float>()},
                    /*choice=*/0);
    Tensor actual(1, expected.AsMat().cols());
    const std::span<float> probabilities = actual.Rows(1).Row(0);
    sampler.Probabilities(logits.AsMat().Row(golden["row"].get<std::size_t>()), probabilities);
    const std::span<const float> wanted = expected.AsMat().Row(i);
    for (std::size_t token = 0; token < wanted.size(); ++token) {
      ASSERT_EQ(probabilities[token] > 0, wanted[token] > 0) << golden << ": token " << token;
    }
    ExpectMatches(actual.Rows(1), expected.AsMat().Rows(i, 1), golden.dump());
    EXPECT_NEAR(Sum(probabilities), 1, 1e-6) << golden;
  }
}

class SoftmaxProperties : public testing::GoldenModelTest {};

TEST_P(SoftmaxProperties, SumsToOne) {
  const GoldenTensor logits = Golden("sampling/logits");
  for (const float temperature : {1e-6F, 0.1F, 0.7F, 1.0F, 2.0F, 100.0F}) {
    Tensor actual = SoftmaxOf(logits.AsMat(), temperature);
    for (std::size_t r = 0; r < actual.rows(); ++r) {
      EXPECT_NEAR(Sum(actual.Rows(actual.rows()).Row(r)), 1, 1e-6)
          << "row " << r << ", temperature " << temperature;
    }
  }
}

TEST_P(SoftmaxProperties, InPlaceIsBitIdentical) {
  const GoldenTensor logits = Golden("sampling/logits");
  Tensor expected = SoftmaxOf(logits.AsMat(), 0.7F);
  Tensor in_place = CopyOf(logits.AsMat());
  const MatF rows = in_place.Rows(in_place.rows());
  for (std::size_t r = 0; r < rows.rows(); ++r) kernels::Softmax(rows.Row(r), 0.7F, rows.Row(r));
  EXPECT_TRUE(testing::HasTheBitsOf(rows, expected.Rows(expected.rows())));
}

TEST(SoftmaxTest, ANaNMakesEveryProbabilityNaN) {
  std::vector<float> x(37, 1.0F);
  x[20] = std::numeric_limits<float>::quiet_NaN();
  kernels::Softmax(x, 1.0F, x);
  for (const float probability : x) EXPECT_TRUE(std::isnan(probability));
}

TEST(SoftmaxTest, ASingleLogitIsCertain) {
  for (const float logit : {-1e30F, 0.0F, 1e30F}) {
    std::vector<float> x = {logit};
    kernels::Softmax(x, 0.5F, x);
    EXPECT_EQ(x[0], 1.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint11Softmax, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, SoftmaxProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
