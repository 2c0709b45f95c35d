// SPDX-License-Identifier: Apache-2.0
// A full-size model, in the folder that CASCADE_GPT2_DIR names: the continuations that are
// published for gpt2 and gpt2-medium, and for any model that decoding agrees with prefill. Where
// the folder has golden data, every checkpoint runs on it as well (GoldenModel::kFullSize).
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/checkpoints/published.h"
#include "model/checkpoints/whole_model.h"
#include "model/sampling/argmax.h"
#include "model/source/model_source.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using Tokens = std::vector<TokenId>;

class FullSizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::optional<std::string> folder = testing::FullSizeFolder();
    if (!folder) GTEST_SKIP() << "CASCADE_GPT2_DIR names no full-size model";
    folder_ = *folder;
    config_ = testing::ValueOrDie(OpenModelSource(folder_)->ReadConfig());
  }

  Gpt2 MakeModel() {
    LoadedWeights loaded =
        testing::ValueOrDie(LoadWeights(*OpenModelSource(folder_), config_, {}, executor_));
    return Gpt2(config_, std::move(loaded.weights), kMaxRows, executor_);
  }
  KvCache MakeCache() const { return *KvCache::Create(config_, KvCache::BlocksFor(config_.n_ctx)); }

  static constexpr std::size_t kMaxRows = 64;
  std::string folder_;
  ModelConfig config_;
  InlineExecutor executor_;
};

TEST_F(FullSizeTest, ContinuesAsPublished) {
  if (PublishedName(config_).empty()) GTEST_SKIP() << "nothing is published for " << folder_;
  const auto model = testing::ValueOrDie(CheckedModel::Open({folder_, "", ""}));
  Measurement measurement(checkpoints::kGeneration.tolerance);
  ASSERT_TRUE(MeasurePublished(*model, measurement).ok());
  EXPECT_TRUE(measurement.passed()) << Describe(measurement.mismatch().value_or(Mismatch{}));
}

TEST_F(FullSizeTest, DecodingIsBitIdenticalToPrefill) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache();
  Tokens tokens;
  for (std::size_t i = 0; i < 9; ++i) {
    tokens.push_back(static_cast<TokenId>((i * 7919 + 15496) % config_.vocab_size));
  }
  const BlockTable blocks = *cache.TryAllocate(kMaxRows);
  std::size_t start = 0;
  for (int step = 0; step < 12; ++step) {
    Batch batch;
    batch.Add(blocks, start, std::span(tokens).subspan(start));
    const RowRange last{.first = batch.rows() - 1, .count = 1};
    const StepOutputs outputs = model.Forward(batch, {.logits = {&last, 1}}, cache);
    Tensor decoded = CopyOf(outputs.logits);
    Tensor prefilled = LogitsAt(model, cache, tokens, {{tokens.size() - 1}}, kMaxRows);
    ASSERT_TRUE(testing::SameBits(decoded.Rows(1), prefilled.Rows(1))) << "step " << step;
    start = tokens.size();
    tokens.push_back(Argmax(decoded.Rows(1).Row(0)));
  }
}

}  // namespace
}  // namespace cascade::model
