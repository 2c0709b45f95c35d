// SPDX-License-Identifier: Apache-2.0

#include "model/source/hugging_face_folder.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation_config.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/weight_files.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsOk;
using ::cascade::testing::Refuses;
using ::cascade::testing::TempDir;

using Parts = std::vector<std::string>;

TEST(ModelSourceTest, GivesTheFourPartsOfAModel) {
  const std::unique_ptr<ModelSource> source = OpenModelSource(testing::BundledModelFolder());
  EXPECT_EQ(source->ReadConfig()->n_layer, 8U);
  EXPECT_EQ(source->ReadGenerationConfig()->top_k, 40U);
  EXPECT_EQ(source->ReadTokenizer()->vocab_size(), 4096U);
  const absl::StatusOr<WeightFiles> files = source->OpenWeights();
  ASSERT_THAT(files, IsOk());
  EXPECT_EQ(files->name(), testing::BundledModelFolder());
  EXPECT_NE(files->Find("wte.weight"), nullptr);
  EXPECT_EQ(files->Find("transformer.wte.weight"), nullptr);
}

TEST(ModelSourceTest, LoadsTheWeights) {
  const HuggingFaceFolder source(testing::BundledModelFolder());
  const ModelConfig config = *source.ReadConfig();
  InlineExecutor executor;
  const absl::StatusOr<LoadedWeights> loaded = LoadWeights(source, config, {}, executor);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.parameters, config.ParameterCount());
  EXPECT_EQ(loaded->weights.h.size(), config.n_layer);
}

TEST(HuggingFaceFolderTest, NamesTheFileThatIsMissing) {
  const TempDir folder;
  const HuggingFaceFolder source(folder.path());
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  EXPECT_THAT(source.ReadConfig(), Refuses(kNotFound, Parts{folder.PathOf("config.json")}));
  EXPECT_THAT(source.ReadTokenizer(), Refuses(kNotFound, Parts{folder.path(), "tokenizer.json"}));
  EXPECT_THAT(source.OpenWeights(),
              Refuses(kNotFound, Parts{folder.path(), "model.safetensors or"}));
  InlineExecutor executor;
  EXPECT_THAT(LoadWeights(source, ModelConfig(), {}, executor),
              Refuses(kNotFound, Parts{folder.path(), "model.safetensors or"}));
}

TEST(HuggingFaceFolderTest, NeedsNoGenerationConfig) {
  const TempDir folder;
  const absl::StatusOr<GenerationConfig> config =
      HuggingFaceFolder(folder.path()).ReadGenerationConfig();
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->temperature, 0.0F);
}

}  // namespace
}  // namespace cascade::model
