// SPDX-License-Identifier: Apache-2.0

#include "tests/checkpoints/golden_model.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/source/model_source.h"
#include "tests/support/source_path.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {
namespace {

// "4.8e-07 (tolerance 1e-05)", or how many elements are equal.
std::string ResultOf(const model::Measurement& measurement) {
  if (measurement.tolerance() == 0) {
    return absl::StrFormat("%d of %d equal  (exact)",
                           measurement.compared() - measurement.outside(), measurement.compared());
  }
  return absl::StrFormat("max abs error %.1e  (tolerance %.0e)", measurement.max_abs_error(),
                         measurement.tolerance());
}

}  // namespace

void PrintTo(GoldenModel model, std::ostream* out) {
  switch (model) {
    case GoldenModel::kTales:
      *out << "tales_7m";
      return;
    case GoldenModel::kRandom:
      *out << "random";
      return;
    case GoldenModel::kFullSize:
      *out << "full_size";
      return;
  }
}

std::string NameOf(const ::testing::TestParamInfo<GoldenModel>& model) {
  return ::testing::PrintToString(model.param);
}

model::CheckedFolders FoldersOf(GoldenModel model) {
  if (model == GoldenModel::kTales) {
    return {BundledModelFolder(), SourcePath("tests/golden/tales-7m"), ""};
  }
  return {SourcePath("tests/golden/random/model"), SourcePath("tests/golden/random"),
          BundledModelFolder()};
}

std::optional<std::string> FullSizeFolder() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, and nobody sets it
  const char* const folder = std::getenv("CASCADE_GPT2_DIR");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return folder;
}

void GoldenModelTest::SetUp() {
  if (GetParam() != GoldenModel::kFullSize) {
    name_ = GetParam() == GoldenModel::kTales ? "tales-7m" : "random";
    checked_ = ValueOrDie(model::CheckedModel::Open(FoldersOf(GetParam())));
    return;
  }
  const std::optional<std::string> folder = FullSizeFolder();
  if (!folder) GTEST_SKIP() << "CASCADE_GPT2_DIR names no full-size model";
  const std::string golden = absl::StrCat(*folder, "/golden");
  if (!std::filesystem::exists(golden)) {
    GTEST_SKIP() << golden << " is not there: make it with tests/golden/generate.py --model "
                 << *folder;
  }
  name_ = std::filesystem::path(*folder).filename();
  checked_ = ValueOrDie(model::CheckedModel::Open({*folder, golden, ""}));
}

const model::Gpt2Weights& GoldenModelTest::weights() { return *ValueOrDie(checked_->Weights()); }

model::Gpt2 GoldenModelTest::MakeModel(std::size_t max_rows, model::Executor& executor) const {
  model::InlineExecutor loader;
  model::LoadedWeights loaded =
      ValueOrDie(model::LoadWeights(*model::OpenModelSource(folder()), config(), {}, loader));
  return model::Gpt2(config(), std::move(loaded.weights), max_rows, executor);
}

model::KvCache GoldenModelTest::MakeCache(std::size_t positions) const {
  return ValueOrDie(checked_->MakeCache(positions));
}

model::Tokenizer GoldenModelTest::LoadTokenizer() const {
  return ValueOrDie(checked_->LoadTokenizer());
}

model::GoldenTrace GoldenModelTest::Trace() const { return ValueOrDie(checked_->golden().Trace()); }

model::GoldenLogits GoldenModelTest::Logits() const {
  return ValueOrDie(checked_->golden().Logits());
}

model::GoldenSampling GoldenModelTest::Sampling() const {
  return ValueOrDie(checked_->golden().Sampling());
}

std::vector<model::GoldenGeneration> GoldenModelTest::Generations() const {
  return ValueOrDie(checked_->golden().Generations());
}

void CheckpointTest::Measure(model::Measure measure) {
  const absl::Status status = measure(checked(), measurement_);
  ASSERT_TRUE(status.ok()) << status;
}

void CheckpointTest::TearDown() {
  if (IsSkipped() || HasFatalFailure()) return;
  EXPECT_TRUE(measurement_.passed())
      << (measurement_.mismatch() ? model::Describe(*measurement_.mismatch())
                                  : "nothing was compared");
  const std::string result = ResultOf(measurement_);
  const std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  absl::PrintF("checkpoint %02d %-17s %-9s %-46s %s\n", checkpoint_.number, checkpoint_.name,
               name(), result, test.substr(0, test.find('/')));
  std::fflush(stdout);
  RecordProperty("result", result);
}

}  // namespace cascade::testing
