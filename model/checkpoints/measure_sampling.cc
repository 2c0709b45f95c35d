// SPDX-License-Identifier: Apache-2.0
// Checkpoints 10 and 11: from logits to a token, and to probabilities.
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoints/measures.h"
#include "model/kernels/reductions.h"
#include "model/layers/scratch.h"
#include "model/sampling/argmax.h"
#include "model/sampling/sampler.h"

namespace cascade::model {
namespace {

double Sum(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value);
  return sum;
}

// The tokens that have a chance.
std::vector<TokenId> Possible(std::span<const float> probabilities) {
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] > 0) tokens.push_back(static_cast<TokenId>(i));
  }
  return tokens;
}

std::string Describe(const GoldenCut& cut) {
  return absl::StrCat("row ", cut.row, ", temperature ", cut.temperature, ", top_k ", cut.top_k,
                      ", top_p ", cut.top_p, ", min_p ", cut.min_p);
}

}  // namespace

absl::Status MeasureArgmax(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenSampling> golden = model.golden().Sampling();
  if (!golden.ok()) return golden.status();
  std::vector<TokenId> chosen;
  for (std::size_t row = 0; row < golden->argmax.size(); ++row) {
    chosen.push_back(Argmax(golden->logits.AsMat().Row(row)));
  }
  measurement.CompareTokens(chosen, golden->argmax, "largest logit of each row");
  return absl::OkStatus();
}

absl::Status MeasureGreedySampler(CheckedModel& model, Measurement& measurement) {
  absl::StatusOr<GoldenSampling> golden = model.golden().Sampling();
  if (!golden.ok()) return golden.status();
  const std::size_t vocab_size = model.config().vocab_size;
  for (const float temperature : {0.0F, 9e-7F}) {
    std::vector<TokenId> chosen;
    for (std::size_t row = 0; row < golden->argmax.size(); ++row) {
      // Neither top_p nor the seed may matter.
      Sampler sampler({.temperature = temperature, .top_p = 0.5F, .seed = row});
      const std::span<float> logits =
          std::span(golden->logits.values).subspan(row * vocab_size, vocab_size);
      chosen.push_back(sampler.Sample(logits, /*position=*/row));
    }
    measurement.CompareTokens(chosen, golden->argmax,
                              absl::StrCat("sampler at temperature ", temperature));
  }
  return absl::OkStatus();
}

absl::Status MeasureSoftmax(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenSampling> golden = model.golden().Sampling();
  if (!golden.ok()) return golden.status();
  const ConstMatF logits = golden->logits.AsMat();
  Tensor actual(logits.rows(), logits.cols());
  for (std::size_t t = 0; t < golden->temperatures.values.size(); ++t) {
    const float temperature = golden->temperatures.values[t];
    const MatF rows = actual.Rows(logits.rows());
    for (std::size_t r = 0; r < logits.rows(); ++r) {
      kernels::Softmax(logits.Row(r), temperature, rows.Row(r));
    }
    measurement.CompareMatrices(rows, golden->softmax.At(t),
                                absl::StrCat("temperature ", temperature));
  }
  return absl::OkStatus();
}

absl::Status MeasureCuts(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenSampling> golden = model.golden().Sampling();
  if (!golden.ok()) return golden.status();
  const ConstMatF expected = golden->distributions.AsMat();
  Tensor actual(1, expected.cols());
  const std::span<float> probabilities = actual.Rows(1).Row(0);
  for (std::size_t i = 0; i < golden->cuts.size(); ++i) {
    const GoldenCut& cut = golden->cuts[i];
    Sampler sampler({.temperature = cut.temperature,
                     .top_k = cut.top_k,
                     .top_p = cut.top_p,
                     .min_p = cut.min_p});
    sampler.Probabilities(golden->logits.AsMat().Row(cut.row), probabilities);
    const std::string what = Describe(cut);
    measurement.CompareTokens(Possible(probabilities), Possible(expected.Row(i)),
                              absl::StrCat("tokens left by ", what));
    measurement.CompareMatrices(actual.Rows(1), expected.Rows(i, 1), what);
    measurement.CompareNumbers(Sum(probabilities), 1, absl::StrCat("sum for ", what));
  }
  return absl::OkStatus();
}

}  // namespace cascade::model
