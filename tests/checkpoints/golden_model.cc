#include "tests/checkpoints/golden_model.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

const std::string kGoldenFolder = testing::SourcePath("tests/golden");

template <typename T>
T ValueOrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  std::abort();
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

std::optional<std::string> FullSizeFolder() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, and nobody sets it
  const char* const folder = std::getenv("CASCADE_GPT2_DIR");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return folder;
}

model::ModelConfig LoadConfigOrDie(const std::string& folder) {
  return ValueOrDie(model::LoadModelConfig(folder));
}

model::Gpt2Weights LoadWeightsOrDie(const std::string& folder, const model::ModelConfig& config) {
  model::InlineExecutor executor;
  return std::move(
      ValueOrDie(model::LoadGpt2Weights(folder, config, std::nullopt, executor)).weights);
}

void GoldenModelTest::SetUp() {
  switch (GetParam()) {
    case GoldenModel::kTales:
      name_ = "tales-7m";
      folder_ = testing::BundledModelFolder();
      golden_folder_ = absl::StrCat(kGoldenFolder, "/tales-7m");
      break;
    case GoldenModel::kRandom:
      name_ = "random";
      folder_ = absl::StrCat(kGoldenFolder, "/random/model");
      golden_folder_ = absl::StrCat(kGoldenFolder, "/random");
      break;
    case GoldenModel::kFullSize:
      if (!FullSizeFolder()) GTEST_SKIP() << "CASCADE_GPT2_DIR names no full-size model";
      folder_ = *FullSizeFolder();
      name_ = std::filesystem::path(folder_).filename();
      golden_folder_ = absl::StrCat(folder_, "/golden");
      if (!std::filesystem::exists(golden_folder_)) {
        GTEST_SKIP() << golden_folder_ << " is not there: make it with tests/golden/generate.py "
                     << "--model " << folder_;
      }
      break;
  }
  config_ = LoadConfigOrDie(folder_);
}

const model::Gpt2Weights& GoldenModelTest::weights() {
  if (!weights_) weights_ = LoadWeightsOrDie(folder_, config());
  return *weights_;
}

model::Gpt2 GoldenModelTest::MakeModel(std::size_t max_rows, model::Executor& executor) const {
  return model::Gpt2(config(), LoadWeightsOrDie(folder_, config()), max_rows, executor);
}

model::KvCache GoldenModelTest::MakeCache(std::size_t positions) const {
  return ValueOrDie(model::KvCache::Create(config(), model::KvCache::BlocksFor(positions)));
}

GoldenTensor GoldenModelTest::Golden(absl::string_view name) const {
  return ReadGoldenTensor(absl::StrCat(golden_folder_, "/", name, ".npy"));
}

std::vector<model::TokenId> GoldenModelTest::GoldenInts(absl::string_view name) const {
  return ReadGoldenInts(absl::StrCat(golden_folder_, "/", name, ".npy"));
}

nlohmann::json GoldenModelTest::GoldenJson(absl::string_view name) const {
  return ReadGoldenJson(absl::StrCat(golden_folder_, "/", name, ".json"));
}

GoldenTensor GoldenModelTest::Traced(std::size_t layer, absl::string_view module) const {
  return Golden(absl::StrCat("trace/h.", layer, ".", module));
}

void CheckpointTest::TearDown() {
  if (compared_ == 0) return;  // skipped
  const std::string result =
      checkpoint_.tolerance == 0
          ? absl::StrFormat("%d of %d equal  (exact)", compared_ - outside_, compared_)
          : absl::StrFormat("max abs error %.1e  (tolerance %.0e)", max_abs_error_,
                            checkpoint_.tolerance);
  const std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  absl::PrintF("checkpoint %02d %-17s %-9s %-46s %s\n", checkpoint_.number, checkpoint_.name,
               name(), result, test.substr(0, test.find('/')));
  std::fflush(stdout);
  RecordProperty("result", result);
}

void CheckpointTest::ExpectMatches(model::ConstMatF actual, model::ConstMatF expected,
                                   absl::string_view what) {
  const Difference difference = Compare(actual, expected, checkpoint_.tolerance);
  compared_ += expected.rows() * expected.cols();
  outside_ += difference.outside;
  max_abs_error_ = std::max(max_abs_error_, difference.max_abs_error);
  EXPECT_EQ(difference.outside, 0U)
      << what << ": elements beyond the tolerance; the worst is [" << difference.row << ", "
      << difference.col << "]: " << difference.actual << ", not " << difference.expected;
  if (checkpoint_.tolerance == 0) {
    EXPECT_TRUE(HasTheBitsOf(actual, expected)) << what;
  }
}

void CheckpointTest::ExpectTokens(std::span<const model::TokenId> actual,
                                  std::span<const model::TokenId> expected,
                                  absl::string_view what) {
  const auto [got, want] = std::ranges::mismatch(actual, expected);
  const bool same = got == actual.end() && want == expected.end();
  compared_ += expected.size();
  outside_ += static_cast<std::size_t>(expected.end() - want);
  EXPECT_TRUE(same) << what << ": token " << want - expected.begin() << " differs:\n  "
                    << absl::StrJoin(actual, " ") << "\nis not\n  " << absl::StrJoin(expected, " ");
}

model::Tensor CopyOf(model::ConstMatF matrix) {
  model::Tensor copy(matrix.rows(), matrix.cols());
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    std::ranges::copy(matrix.Row(r), copy.Rows(matrix.rows()).Row(r).begin());
  }
  return copy;
}

void BackwardsExecutor::ForRanges(std::size_t count, std::size_t grain, Body body) {
  for (std::size_t end = count; end > 0;) {
    const std::size_t begin = (end - 1) / grain * grain;
    body({begin, end});
    end = begin;
  }
}

}  // namespace cascade::testing
