// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/sampling/argmax.h"
#include "model/sampling/philox.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// Logits of these probabilities, shifted as a model's are.
std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p) - 30.0));
  return logits;
}

std::vector<float> RandomLogits(std::size_t size, double spread, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> logits(size);
  for (float& logit : logits) {
    logit = static_cast<float>(spread * (static_cast<double>(random()) / 4294967296.0 - 0.5));
  }
  return logits;
}

std::vector<float> Probabilities(const SamplingParams& params, const std::vector<float>& logits) {
  std::vector<float> out(logits.size());
  Sampler(params).Probabilities(logits, out);
  return out;
}

std::vector<TokenId> Kept(const std::vector<float>& probabilities) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < probabilities.size(); ++id) {
    if (probabilities[id] > 0.0F) ids.push_back(id);
  }
  return ids;
}

TokenId SampleCopy(Sampler& sampler, std::vector<float> logits, std::uint64_t position) {
  return sampler.Sample(logits, position);
}

// Hugging Face's warpers as they are written (transformers, logits_process.py), in double.
class Reference {
 public:
  static std::vector<double> Probabilities(const SamplingParams& params,
                                           const std::vector<float>& logits) {
    std::vector<double> scores(logits.begin(), logits.end());
    for (double& score : scores) score /= static_cast<double>(params.temperature);
    if (params.top_k > 0) TopK(params.top_k, scores);
    if (params.top_p < 1.0F) TopP(static_cast<double>(params.top_p), scores);
    if (params.min_p > 0.0F) MinP(static_cast<double>(params.min_p), scores);
    return Softmax(scores);
  }

 private:
  static std::vector<double> Softmax(const std::vector<double>& scores) {
    const double max = *std::max_element(scores.begin(), scores.end());
    std::vector<double> p;
    for (const double score : scores) p.push_back(std::exp(score - max));
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= sum;
    return p;
  }

  static void TopK(std::size_t k, std::vector<double>& scores) {
    std::vector<double> sorted = scores;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const double floor = sorted[std::min(k, sorted.size()) - 1];
    for (double& score : scores) {
      if (score < floor) score = static_cast<double>(kExcluded);
    }
  }

  static void TopP(double top_p, std::vector<double>& scores) {
    std::vector<std::size_t> ascending(scores.size());
    std::iota(ascending.begin(), ascending.end(), 0U);
    std::reverse(ascending.begin(), ascending.end());  // of ties the lowest id is the last
    std::stable_sort(ascending.begin(), ascending.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    const std::vector<double> p = Softmax(scores);
    double cumulative = 0;
    for (std::size_t rank = 0; rank + 1 < ascending.size(); ++rank) {
      cumulative += p[ascending[rank]];
      if (cumulative <= 1.0 - top_p) scores[ascending[rank]] = static_cast<double>(kExcluded);
    }
  }

  static void MinP(double min_p, std::vector<double>& scores) {
    const std::vector<double> p = Softmax(scores);
    const double floor = min_p * *std::max_element(p.begin(), p.end());
    for (std::size_t id = 0; id < scores.size(); ++id) {
      if (p[id] < floor) scores[id] = static_cast<double>(kExcluded);
    }
  }
};

TEST(SamplerTest, IsGreedyBelowTheGreedyTemperature) {
  const std::vector<float> logits = {0, 3, 3, 1};
  for (const float temperature : {0.0F, 1e-7F, 9.9e-7F}) {
    Sampler sampler({.temperature = temperature, .top_k = 3, .seed = 5});
    for (std::uint64_t position = 0; position < 20; ++position) {
      EXPECT_EQ(SampleCopy(sampler, logits, position), 1U);
    }
  }
}

TEST(SamplerTest, WithoutCutsTheDistributionIsTheSoftmax) {
  const std::vector<float> logits = RandomLogits(1000, 20, 1);
  for (const float temperature : {0.3F, 1.0F, 2.5F}) {
    const SamplingParams params{.temperature = temperature};
    const std::vector<double> expected = Reference::Probabilities(params, logits);
    const std::vector<float> p = Probabilities(params, logits);
    for (std::size_t id = 0; id < p.size(); ++id) {
      ASSERT_NEAR(static_cast<double>(p[id]), expected[id], 1e-6) << "token " << id;
    }
  }
}

TEST(SamplerTest, TopKKeepsTiesWithTheKth) {
  const std::vector<float> logits = {1, 5, 3, 3, 4, 3};
  EXPECT_THAT(Kept(Probabilities({.top_k = 1}, logits)), ElementsAre(1));
  EXPECT_THAT(Kept(Probabilities({.top_k = 2}, logits)), ElementsAre(1, 4));
  EXPECT_THAT(Kept(Probabilities({.top_k = 3}, logits)), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Kept(Probabilities({.top_k = 5}, logits)), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Kept(Probabilities({.top_k = 6}, logits)), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Kept(Probabilities({.top_k = 4000000000}, logits)), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(SamplerTest, TopKOfMoreThanCanBeChosenKeepsThemAll) {
  EXPECT_THAT(Kept(Probabilities({.top_k = 3}, {1, kExcluded, 2, kExcluded})), ElementsAre(0, 2));
}

TEST(SamplerTest, TopPKeepsTheSmallestSetThatReachesIt) {
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.3});
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.39F}, logits)), ElementsAre(1));
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.41F}, logits)), ElementsAre(1, 3));
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.69F}, logits)), ElementsAre(1, 3));
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.71F}, logits)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.99F}, logits)), ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, TopPThatIsReachedExactlyNeedsNoMore) {
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.3});
  const std::vector<float> p = Probabilities({}, logits);
  EXPECT_THAT(Kept(Probabilities({.top_p = p[1]}, logits)), ElementsAre(1));
}

TEST(SamplerTest, TopPKeepsAtLeastOneToken) {
  for (const std::size_t size : {1U, 7U, 4096U}) {
    const std::vector<float> even(size, -3.0F);
    EXPECT_THAT(Kept(Probabilities({.top_p = 1e-10F}, even)), ElementsAre(0));
  }
}

TEST(SamplerTest, TopPTakesTiesByLowestId) {
  const std::vector<float> even(8, 1.0F);
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.5F}, even)), ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, MinPDropsWhatIsFarBelowTheBest) {
  const std::vector<float> logits = LogitsOf({0.1, 0.4, 0.2, 0.3});
  EXPECT_THAT(Kept(Probabilities({.min_p = 0.2F}, logits)), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Kept(Probabilities({.min_p = 0.3F}, logits)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Kept(Probabilities({.min_p = 0.7F}, logits)), ElementsAre(1, 3));
  EXPECT_THAT(Kept(Probabilities({.min_p = 1.0F}, logits)), ElementsAre(1));
}

TEST(SamplerTest, TopPSeesTheDistributionThatTopKLeft) {
  const std::vector<float> logits = LogitsOf({0.4, 0.3, 0.2, 0.1});
  EXPECT_THAT(Kept(Probabilities({.top_p = 0.5F}, logits)), ElementsAre(0, 1));
  EXPECT_THAT(Kept(Probabilities({.top_k = 2, .top_p = 0.5F}, logits)), ElementsAre(0));
}

void ExpectAgreesWithReference(const SamplingParams& params, const std::vector<float>& logits) {
  const std::vector<double> expected = Reference::Probabilities(params, logits);
  const std::vector<float> p = Probabilities(params, logits);
  for (std::size_t id = 0; id < logits.size(); ++id) {
    ASSERT_NEAR(static_cast<double>(p[id]), expected[id], 1e-6)
        << "token " << id << " of " << logits.size() << ", top_k " << params.top_k << ", top_p "
        << params.top_p << ", min_p " << params.min_p;
  }
}

// No top_p is a simple fraction: n equal tokens must not reach it exactly, where rounding decides.
std::vector<SamplingParams> AllCuts() {
  std::vector<SamplingParams> all;
  for (const std::uint32_t top_k : {0U, 3U, 50U}) {
    for (const float top_p : {1.0F, 0.9437F, 0.3171F}) {
      for (const float min_p : {0.0F, 0.05F, 0.6F}) {
        all.push_back({.temperature = 0.7F, .top_k = top_k, .top_p = top_p, .min_p = min_p});
      }
    }
  }
  return all;
}

TEST(SamplerTest, AgreesWithHuggingFacesWarpers) {
  unsigned seed = 0;
  for (const SamplingParams& params : AllCuts()) {
    for (const std::size_t size : {5U, 97U, 3000U}) {
      for (const double spread : {0.5, 6.0, 25.0}) {
        ExpectAgreesWithReference(params, RandomLogits(size, spread, ++seed));
      }
    }
  }
}

TEST(SamplerTest, AgreesWithHuggingFacesWarpersWhereManyAreTied) {
  unsigned seed = 0;
  for (const SamplingParams& params : AllCuts()) {
    for (const std::size_t size : {7U, 101U, 3001U}) {
      std::vector<float> logits = RandomLogits(size, 8, ++seed);
      for (float& logit : logits) logit = std::round(logit);
      ExpectAgreesWithReference(params, logits);
    }
  }
}

TEST(SamplerTest, ProbabilitiesSumToOne) {
  const std::vector<float> logits = RandomLogits(50257, 12, 3);
  for (const SamplingParams& params :
       {SamplingParams{}, SamplingParams{.top_k = 40}, SamplingParams{.top_p = 0.9F},
        SamplingParams{.min_p = 0.1F},
        SamplingParams{.top_k = 500, .top_p = 0.8F, .min_p = 0.2F}}) {
    const std::vector<float> p = Probabilities(params, logits);
    double sum = 0;
    for (const float value : p) sum += static_cast<double>(value);
    EXPECT_NEAR(sum, 1.0, 1e-6);
  }
}

TEST(SamplerTest, InPlaceIsBitIdentical) {
  std::vector<float> logits = RandomLogits(1001, 10, 4);
  const SamplingParams params{.temperature = 0.8F, .top_k = 100, .top_p = 0.9F, .min_p = 0.01F};
  const std::vector<float> expected = Probabilities(params, logits);
  Sampler(params).Probabilities(logits, logits);
  EXPECT_EQ(logits, expected);
}

// Softmax in double, of what it leaves, against the probabilities that it draws from.
TEST(SamplerTest, SampleAndCutLeavesTheLogitsOfWhatItDrewFrom) {
  const SamplingParams all_params[] = {
      {.temperature = 0.7F, .seed = 1},
      {.temperature = 1.3F, .top_k = 40, .top_p = 0.9F, .min_p = 0.01F, .seed = 2},
      {.top_n_sigma = 1.5F, .temperature = 2.0F, .typical_p = 0.8F, .seed = 3}};
  for (const SamplingParams& params : all_params) {
    const std::vector<float> logits = RandomLogits(700, 20, 12);
    const std::vector<float> p = Probabilities(params, logits);
    Sampler sampler(params);
    for (std::uint64_t position = 0; position < 20; ++position) {
      std::vector<float> left = logits;
      ASSERT_EQ(sampler.SampleAndCut(left, position), SampleCopy(sampler, logits, position));
      double sum = 0.0;
      for (const float logit : left) sum += std::exp(static_cast<double>(logit));
      for (TokenId id = 0; id < p.size(); ++id) {
        ASSERT_NEAR(std::exp(static_cast<double>(left[id])) / sum, static_cast<double>(p[id]),
                    2e-6);
        ASSERT_EQ(left[id] == kExcluded, p[id] == 0.0F);
      }
    }
  }
}

TEST(SamplerTest, SampleAndCutCutsNothingIfItIsGreedy) {
  std::vector<float> logits = {0, 3, kExcluded, 1};
  const std::vector<float> before = logits;
  Sampler sampler({.temperature = 0.0F, .top_k = 1});
  EXPECT_EQ(sampler.SampleAndCut(logits, 0), 1U);
  EXPECT_EQ(logits, before);
}

TEST(SamplerTest, SampleAndCutDoesNotOverflow) {
  std::vector<float> logits = {3e38F, -3e38F, 1, 3e38F};
  Sampler({.temperature = kGreedyTemperature}).SampleAndCut(logits, 0);
  EXPECT_THAT(logits, ElementsAre(0.0F, kExcluded, kExcluded, 0.0F));
}

TEST(SamplerTest, TheSmallestTemperatureAndTheLargestLogitsGiveADistribution) {
  const std::vector<float> p =
      Probabilities({.temperature = kGreedyTemperature}, {3e38F, -3e38F, 1, 3e38F});
  EXPECT_THAT(p, ElementsAre(0.5F, 0.0F, 0.0F, 0.5F));
}

TEST(SamplerTest, DrawsOnTheCumulativeDistributionInOrderOfId) {
  const std::vector<float> logits = RandomLogits(300, 8, 5);
  const SamplingParams params{.temperature = 0.9F, .top_k = 50, .top_p = 0.9F, .seed = 77};
  const std::vector<float> p = Probabilities(params, logits);
  Sampler sampler(params);
  for (std::uint64_t position = 0; position < 1000; ++position) {
    double left = UniformAt(77, position);
    TokenId expected = 0;
    while (left >= static_cast<double>(p[expected])) left -= static_cast<double>(p[expected++]);
    ASSERT_EQ(SampleCopy(sampler, logits, position), expected) << "position " << position;
  }
}

TEST(SamplerTest, IsAPureFunctionOfItsArguments) {
  const std::vector<float> logits = RandomLogits(400, 6, 6);
  const std::vector<float> others = RandomLogits(900, 3, 7);
  const SamplingParams params{.temperature = 0.9F, .top_k = 60, .top_p = 0.95F, .seed = 9};
  Sampler busy(params);
  for (std::uint64_t position = 50; position-- > 0;) {
    SampleCopy(busy, others, position);
    Sampler fresh(params);
    EXPECT_EQ(SampleCopy(busy, logits, position), SampleCopy(fresh, logits, position));
  }
}

TEST(SamplerTest, SeedAndPositionEachGiveOtherTokens) {
  const std::vector<float> even(1000, 0.0F);
  Sampler sampler({.seed = 1});
  Sampler other_seed({.seed = 2});
  const TokenId token = SampleCopy(sampler, even, 0);
  EXPECT_NE(token, SampleCopy(sampler, even, 1));
  EXPECT_NE(token, SampleCopy(other_seed, even, 0));
}

TEST(SamplerTest, ExcludedTokensAreNeverDrawn) {
  std::vector<float> logits(64, kExcluded);
  logits[63] = -80.0F;
  Sampler sampler({.seed = 3});
  for (std::uint64_t position = 0; position < 100; ++position) {
    EXPECT_EQ(SampleCopy(sampler, logits, position), 63U);
  }
}

TEST(SamplerTest, FrequenciesAgreeWithTheProbabilities) {
  const std::vector<float> logits =
      LogitsOf({0.05, 0.2, 0.01, 0.3, 0.04, 0.1, 0.1, 0.15, 0.03, 0.02});
  const SamplingParams params{.temperature = 1.3F, .top_k = 8, .seed = 2024};
  const std::vector<float> p = Probabilities(params, logits);
  constexpr int kDraws = 200000;
  std::vector<int> counts(p.size(), 0);
  Sampler sampler(params);
  for (std::uint64_t position = 0; position < kDraws; ++position) {
    ++counts[SampleCopy(sampler, logits, position)];
  }
  double chi_square = 0;
  for (std::size_t id = 0; id < p.size(); ++id) {
    const double expected = kDraws * static_cast<double>(p[id]);
    if (expected == 0.0) {
      EXPECT_EQ(counts[id], 0);
      continue;
    }
    ASSERT_THAT(expected, Gt(1000.0));
    chi_square += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  EXPECT_LT(chi_square, 24.32);  // 7 degrees of freedom, p = 0.001
}

}  // namespace
}  // namespace cascade::model
