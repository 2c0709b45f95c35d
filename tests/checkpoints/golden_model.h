// SPDX-License-Identifier: Apache-2.0
// The models that the checkpoints run on, and the fixtures of their tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/checkpoint.h"
#include "model/checkpoints/golden_data.h"
#include "model/checkpoints/measurement.h"
#include "model/checkpoints/measures.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/gpt2.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::testing {

enum class GoldenModel : std::uint8_t {
  kTales,     // the bundled one
  kRandom,    // seeded noise: head size 64, everything else awkward (tests/golden/README.md)
  kFullSize,  // the folder that CASCADE_GPT2_DIR names, its golden data in golden/ below it
};

// "tales_7m", "random", "full_size"; for INSTANTIATE_TEST_SUITE_P.
std::string NameOf(const ::testing::TestParamInfo<GoldenModel>& model);

void PrintTo(GoldenModel model, std::ostream* out);

// The folders of one of the two models in the repository. The random model, which has no tokenizer,
// borrows the bundled model's: only its token ids count.
model::CheckedFolders FoldersOf(GoldenModel model);

// The value of CASCADE_GPT2_DIR; empty if it is not set.
std::optional<std::string> FullSizeFolder();

// For checkpoints, and for their properties.
inline auto AllGoldenModels() {
  return ::testing::Values(GoldenModel::kTales, GoldenModel::kRandom, GoldenModel::kFullSize);
}
inline auto BothGoldenModels() {
  return ::testing::Values(GoldenModel::kTales, GoldenModel::kRandom);
}

// The fixture of every parameterized test. A model or golden file that cannot be read ends the test
// binary: both are part of the source tree. Skips the full-size model where there is none.
class GoldenModelTest : public ::testing::TestWithParam<GoldenModel> {
 protected:
  void SetUp() override;

  absl::string_view name() const { return name_; }
  const std::string& folder() const { return checked_->folder(); }
  model::CheckedModel& checked() { return *checked_; }
  const model::ModelConfig& config() const { return checked_->config(); }

  // Loaded at the first call.
  const model::Gpt2Weights& weights();

  // The whole model, with weights of its own.
  model::Gpt2 MakeModel(std::size_t max_rows, model::Executor& executor) const;
  model::Gpt2 MakeModel() { return MakeModel(config().n_ctx, executor_); }

  // A cache with room for `positions` positions, rounded up to blocks.
  model::KvCache MakeCache(std::size_t positions) const;

  // The model's tokenizer, or the one that it borrows.
  model::Tokenizer LoadTokenizer() const;

  // Golden data, read from the files at each call.
  model::GoldenTrace Trace() const;
  model::GoldenLogits Logits() const;
  model::GoldenSampling Sampling() const;
  std::vector<model::GoldenGeneration> Generations() const;

  model::InlineExecutor executor_;

 private:
  std::string name_;
  std::unique_ptr<model::CheckedModel> checked_;
};

// The fixture of the tests that are a checkpoint. Prints one line when a test has measured, such as
//   checkpoint 07 transformer_block tales-7m  max abs error 1.3e-05  (tolerance 1e-04)  Matches...
class CheckpointTest : public GoldenModelTest {
 protected:
  explicit CheckpointTest(const model::Checkpoint& checkpoint)
      : checkpoint_(checkpoint), measurement_(checkpoint.tolerance) {}

  // Fails, with the worst element, unless all that was measured is within the tolerance.
  void TearDown() override;

  // Runs one of the checkpoint's comparisons.
  void Measure(model::Measure measure);

  model::Measurement& measurement() { return measurement_; }

 private:
  const model::Checkpoint& checkpoint_;
  model::Measurement measurement_;
};

}  // namespace cascade::testing
