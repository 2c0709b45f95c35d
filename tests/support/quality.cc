// SPDX-License-Identifier: Apache-2.0

#include "tests/support/quality.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "model/cache/kv_cache.h"
#include "model/kernels/reductions.h"

namespace cascade::testing {
namespace {

using Tokens = std::span<const model::TokenId>;

// Sums of what Quality has the means of.
struct Sums {
  double surprise = 0;
  double reference_surprise = 0;
  double error = 0;
  double max_error = 0;
  std::size_t agreements = 0;
  std::size_t predictions = 0;
};

// A model and the room of one window in its cache.
class Runner {
 public:
  static absl::StatusOr<Runner> Create(const QualityModel& model) {
    const std::size_t n_ctx = model.gpt2.config().n_ctx;
    absl::StatusOr<model::KvCache> cache = model::KvCache::Create(
        model.gpt2.config(), model::KvCache::BlocksFor(n_ctx), model.kv_type);
    if (!cache.ok()) return cache.status();
    return Runner(model.gpt2, *std::move(cache));
  }

  // Logits after every token of the piece that begins at `start` of the window: [piece.size(),
  // vocab_size], valid until the next call.
  model::ConstMatF Logits(std::size_t start, Tokens piece) {
    if (start == 0) {
      blocks_.Reset();
      blocks_ = *cache_->TryAllocate(gpt2_->config().n_ctx);
    }
    model::Batch batch;
    batch.Add(blocks_, start, piece);
    const model::RowRange all{.first = 0, .count = piece.size()};
    return gpt2_->Forward(batch, {.logits = {&all, 1}}, *cache_).logits;
  }

 private:
  Runner(model::Gpt2& gpt2, model::KvCache cache)
      : gpt2_(&gpt2), cache_(std::make_unique<model::KvCache>(std::move(cache))) {}

  model::Gpt2* gpt2_;
  std::unique_ptr<model::KvCache> cache_;  // stays where the blocks know it
  model::BlockTable blocks_;
};

double Surprise(std::span<const float> logits, model::TokenId next) {
  return model::kernels::LogSumExp(logits) - static_cast<double>(logits[next]);
}

void AddPrediction(std::span<const float> logits, std::span<const float> expected,
                   model::TokenId next, Sums& sums) {
  sums.surprise += Surprise(logits, next);
  sums.reference_surprise += Surprise(expected, next);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double error =
        std::abs(static_cast<double>(logits[i]) - static_cast<double>(expected[i]));
    sums.error += error;
    sums.max_error = std::max(sums.max_error, error);
  }
  const bool agree = std::ranges::max_element(logits) - logits.begin() ==
                     std::ranges::max_element(expected) - expected.begin();
  sums.agreements += agree ? 1 : 0;
  ++sums.predictions;
}

}  // namespace

absl::StatusOr<Quality> MeasureQuality(const QualityModel& model, const QualityModel& reference,
                                       Tokens tokens) {
  absl::StatusOr<Runner> runner = Runner::Create(model);
  if (!runner.ok()) return runner.status();
  absl::StatusOr<Runner> expected_runner = Runner::Create(reference);
  if (!expected_runner.ok()) return expected_runner.status();

  const model::ModelConfig& config = model.gpt2.config();
  const std::size_t most = std::min(model.gpt2.max_rows(), reference.gpt2.max_rows());
  Sums sums;
  for (std::size_t at = 0; at + 1 < tokens.size();) {
    const std::size_t start = at % config.n_ctx;
    const std::size_t count = std::min({most, config.n_ctx - start, tokens.size() - 1 - at});
    const Tokens piece = tokens.subspan(at, count);
    const model::ConstMatF logits = runner->Logits(start, piece);
    const model::ConstMatF expected = expected_runner->Logits(start, piece);
    for (std::size_t i = 0; i < count; ++i) {
      AddPrediction(logits.Row(i), expected.Row(i), tokens[at + i + 1], sums);
    }
    at += count;
  }
  const auto predictions = static_cast<double>(sums.predictions);
  return Quality{
      .predictions = sums.predictions,
      .perplexity = std::exp(sums.surprise / predictions),
      .reference_perplexity = std::exp(sums.reference_surprise / predictions),
      .mean_error = sums.error / (predictions * static_cast<double>(config.vocab_size)),
      .max_error = sums.max_error,
      .agreement = static_cast<double>(sums.agreements) / predictions,
  };
}

}  // namespace cascade::testing
