// The models that the checkpoints run on, and what their tests begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/gpt2.h"
#include "model/layers/scratch.h"
#include "model/token.h"
#include "model/weights/gpt2_weights.h"
#include "nlohmann/json.hpp"
#include "tests/checkpoints/checkpoints.h"
#include "tests/support/golden.h"

namespace cascade::testing {

enum class GoldenModel : std::uint8_t {
  kTales,     // the bundled one
  kRandom,    // seeded noise: head size 64, everything else awkward (tests/golden/README.md)
  kFullSize,  // the folder that CASCADE_GPT2_DIR names, its golden data in golden/ below it
};

// "tales_7m", "random", "full_size"; for INSTANTIATE_TEST_SUITE_P.
std::string NameOf(const ::testing::TestParamInfo<GoldenModel>& model);

void PrintTo(GoldenModel model, std::ostream* out);

// What CASCADE_GPT2_DIR says, if it says anything.
std::optional<std::string> FullSizeFolder();

// Loads a folder's config and weights; a folder that cannot be loaded ends the test binary.
model::ModelConfig LoadConfigOrDie(const std::string& folder);
model::Gpt2Weights LoadWeightsOrDie(const std::string& folder, const model::ModelConfig& config);

// For checkpoints, and for their properties.
inline auto AllGoldenModels() {
  return ::testing::Values(GoldenModel::kTales, GoldenModel::kRandom, GoldenModel::kFullSize);
}
inline auto BothGoldenModels() {
  return ::testing::Values(GoldenModel::kTales, GoldenModel::kRandom);
}

// Every parameterised test. Skips the full-size model where there is none.
class GoldenModelTest : public ::testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override;

  absl::string_view name() const { return name_; }
  const std::string& folder() const { return folder_; }
  const model::ModelConfig& config() const { return *config_; }

  // Loaded when first asked for.
  const model::Gpt2Weights& weights();

  // The whole model, with weights of its own.
  model::Gpt2 MakeModel(std::size_t max_rows, model::Executor& executor) const;
  model::Gpt2 MakeModel() { return MakeModel(config().n_ctx, executor_); }

  // A cache with room for `positions` positions, rounded up to blocks.
  model::KvCache MakeCache(std::size_t positions) const;

  // The file <name>.npy, or .json, of this model's golden data.
  GoldenTensor Golden(absl::string_view name) const;
  std::vector<model::TokenId> GoldenInts(absl::string_view name) const;
  nlohmann::json GoldenJson(absl::string_view name) const;

  // Of one of the blocks whose every module was recorded, as in Golden("trace/h.0.ln_1").
  GoldenTensor Traced(std::size_t layer, absl::string_view module) const;
  std::vector<std::size_t> TracedLayers() const { return {0, config().n_layer / 2}; }

  model::InlineExecutor executor_;

 private:
  std::string name_;
  std::string folder_;
  std::string golden_folder_;
  std::optional<model::ModelConfig> config_;
  std::optional<model::Gpt2Weights> weights_;
};

// The test that is a checkpoint: it measures, and prints one line when it is through, such as
//   checkpoint 07 transformer_block tales-7m  max abs error 1.3e-05  (tolerance 1e-04)  Matches...
class CheckpointTest : public GoldenModelTest {
 protected:
  explicit CheckpointTest(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  void TearDown() override;

  // Fails, with the worst element, unless all errors are within the checkpoint's tolerance.
  void ExpectMatches(model::ConstMatF actual, model::ConstMatF expected, absl::string_view what);

  // Fails unless the tokens, in this order, are the same.
  void ExpectTokens(std::span<const model::TokenId> actual,
                    std::span<const model::TokenId> expected, absl::string_view what);

 private:
  const Checkpoint& checkpoint_;
  std::size_t compared_ = 0;
  std::size_t outside_ = 0;
  double max_abs_error_ = 0;
};

// A copy whose rows are aligned, as the kernels want them.
model::Tensor CopyOf(model::ConstMatF matrix);

// Splits all work into ranges of one grain and runs them backwards: who computes what must not
// matter.
class BackwardsExecutor final : public model::Executor {
 public:
  void ForRanges(std::size_t count, std::size_t grain, Body body) override;
};

}  // namespace cascade::testing
