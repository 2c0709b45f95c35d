// SPDX-License-Identifier: Apache-2.0
// Model folders in the shapes in which people publish them (tests/golden/folders): each generates
// the tokens of transformers, with the warnings that it deserves, or is refused by name.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/whole_model.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation_config.h"
#include "model/gpt2.h"
#include "model/json_document.h"
#include "model/mat_view.h"
#include "model/sampling/argmax.h"
#include "model/source/model_source.h"
#include "model/weights/gpt2_weights.h"
#include "nlohmann/json.hpp"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr float kLogitTolerance = 2e-5F;

// All parts of a model but its tokenizer.
struct Folder {
  ModelConfig config;
  GenerationConfig defaults;
  LoadedWeights loaded;

  std::string Warnings() const {
    std::vector<std::string> all = config.warnings;
    all.insert(all.end(), defaults.warnings.begin(), defaults.warnings.end());
    all.insert(all.end(), loaded.report.warnings.begin(), loaded.report.warnings.end());
    return absl::StrJoin(all, "\n");
  }
};

class MadeUpFoldersTest : public ::testing::Test {
 protected:
  MadeUpFoldersTest() {
    const std::string path = root_ + "/expected.json";
    expected_ = (*ParseJsonObject(*ReadTextFile(path, 1 << 20), path))->at("folders");
  }

  absl::StatusOr<Folder> Load(const std::string& name) {
    const std::unique_ptr<ModelSource> source = OpenModelSource(absl::StrCat(root_, "/", name));
    absl::StatusOr<ModelConfig> config = source->ReadConfig();
    if (!config.ok()) return config.status();
    absl::StatusOr<GenerationConfig> defaults = ReadDefaults(*source, *config);
    if (!defaults.ok()) return defaults.status();
    absl::StatusOr<LoadedWeights> loaded = LoadWeights(*source, *config, {}, executor_);
    if (!loaded.ok()) return loaded.status();
    return Folder{*std::move(config), *std::move(defaults), *std::move(loaded)};
  }

  // Each expected part in the warnings; none at all where none is expected.
  void ExpectWarnings(const nlohmann::json& expected, const Folder& folder) {
    const auto parts = expected.value("warnings", std::vector<std::string>());
    for (const std::string& part : parts) EXPECT_THAT(folder.Warnings(), HasSubstr(part));
    if (parts.empty()) {
      EXPECT_EQ(folder.Warnings(), "");
    }
  }

  // The defaults that transformers has for the folder.
  void ExpectDefaults(const nlohmann::json& expected, const GenerationConfig& defaults) {
    if (!expected.contains("defaults")) return;
    EXPECT_EQ(defaults.eos_token_ids, expected.at("eos").get<std::vector<TokenId>>());
    const nlohmann::json& sampling = expected.at("defaults");
    if (!sampling.at("do_sample").get<bool>()) {
      EXPECT_EQ(defaults.temperature, 0.0F);
      return;
    }
    EXPECT_EQ(defaults.temperature, sampling.at("temperature").get<float>());
    EXPECT_EQ(defaults.top_k, sampling.at("top_k").get<std::uint32_t>());
    EXPECT_EQ(defaults.top_p, sampling.at("top_p").get<float>());
  }

  // Every token is the likeliest after the prompt and the tokens before it, and the first logits
  // are close.
  void ExpectAnswer(const nlohmann::json& expected, Folder folder) {
    const auto prompt = expected.at("prompt").get<std::vector<TokenId>>();
    const auto tokens = expected.at("tokens").get<std::vector<TokenId>>();
    const auto first_logits = expected.at("logits").get<std::vector<float>>();
    std::vector<TokenId> all = prompt;
    all.insert(all.end(), tokens.begin(), tokens.end() - 1);
    std::vector<std::size_t> positions(tokens.size());
    std::iota(positions.begin(), positions.end(), prompt.size() - 1);

    Gpt2 model(folder.config, std::move(folder.loaded.weights), all.size(), executor_);
    absl::StatusOr<KvCache> cache = KvCache::Create(folder.config, KvCache::BlocksFor(all.size()));
    ASSERT_THAT(cache, IsOk());
    Tensor logits = LogitsAt(model, *cache, all, positions, all.size());
    const ConstMatF rows = logits.Rows(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      EXPECT_EQ(Argmax(rows.Row(i)), tokens[i]) << "token " << i;
    }
    for (std::size_t i = 0; i < first_logits.size(); ++i) {
      EXPECT_NEAR(rows.Row(0)[i], first_logits[i], kLogitTolerance) << "logit " << i;
    }
  }

  const std::string root_ = testing::SourcePath("tests/golden/folders");
  nlohmann::json expected_;
  InlineExecutor executor_;
};

TEST_F(MadeUpFoldersTest, GenerateWhatTransformersDoesOrAreRefusedByName) {
  std::size_t served = 0;
  for (const auto& [name, expected] : expected_.items()) {
    SCOPED_TRACE(name);
    absl::StatusOr<Folder> folder = Load(name);
    if (expected.contains("refused")) {
      ASSERT_FALSE(folder.ok());
      const std::string message(folder.status().message());
      EXPECT_THAT(message, Not(HasSubstr("\n")));
      for (const auto& part : expected.at("refused")) {
        EXPECT_THAT(message, HasSubstr(part.get<std::string>()));
      }
      continue;
    }
    ASSERT_THAT(folder, IsOk());
    ++served;
    ExpectWarnings(expected, *folder);
    ExpectDefaults(expected, folder->defaults);
    ExpectAnswer(expected, *std::move(folder));
  }
  EXPECT_GE(served, 27U);
  EXPECT_GE(expected_.size(), 40U);
}

}  // namespace
}  // namespace cascade::model
