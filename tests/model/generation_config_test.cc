// SPDX-License-Identifier: Apache-2.0

#include "model/generation_config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::StatusOr<GenerationConfig> Parse(absl::string_view json) {
  return ParseGenerationConfig(json, "generation_config.json");
}

void ExpectGreedy(const GenerationConfig& config) {
  EXPECT_EQ(config.temperature, 0.0F);
  EXPECT_EQ(config.top_k, 0U);
  EXPECT_EQ(config.top_p, 1.0F);
  EXPECT_EQ(config.min_p, 0.0F);
  EXPECT_EQ(config.max_new_tokens, std::nullopt);
  EXPECT_THAT(config.eos_token_ids, IsEmpty());
}

TEST(GenerationConfigTest, IsGreedyWhereTheFileSaysNothing) { ExpectGreedy(Parse("{}").value()); }

TEST(GenerationConfigTest, TakesNullForAbsent) {
  ExpectGreedy(Parse(R"({"do_sample": null, "temperature": null, "top_k": null, "top_p": null,
                         "min_p": null, "max_new_tokens": null, "eos_token_id": null})")
                   .value());
}

TEST(GenerationConfigTest, SamplesOnlyIfTheFileSaysSo) {
  EXPECT_EQ(Parse(R"({"temperature": 0.7})")->temperature, 0.0F);
  EXPECT_EQ(Parse(R"({"temperature": 0.7, "do_sample": false})")->temperature, 0.0F);
  EXPECT_EQ(Parse(R"({"temperature": 0.7, "do_sample": true})")->temperature, 0.7F);
  EXPECT_EQ(Parse(R"({"do_sample": true})")->temperature, 1.0F);
}

TEST(GenerationConfigTest, ReadsEveryKey) {
  const auto config = Parse(R"({"do_sample": true, "temperature": 2, "top_k": 40, "top_p": 0.9,
      "min_p": 0.05, "max_new_tokens": 64, "eos_token_id": [1, 2], "transformers_version": "4"})");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->temperature, 2.0F);
  EXPECT_EQ(config->top_k, 40U);
  EXPECT_EQ(config->top_p, 0.9F);
  EXPECT_EQ(config->min_p, 0.05F);
  EXPECT_EQ(config->max_new_tokens, 64U);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(1, 2));
}

TEST(GenerationConfigTest, RefusesValuesThatNoRequestCouldAskFor) {
  const auto refuses = [](const char* json, const char* complaint) {
    EXPECT_THAT(Parse(json), IsInvalid({"generation_config.json: ", complaint}));
  };
  refuses(R"({"do_sample": "yes"})", "do_sample is \"yes\": expected true or false");
  refuses(R"({"temperature": -0.1})", "temperature is -0.1: expected a number from 0 to 100");
  refuses(R"({"temperature": 101})", "temperature is 101");
  refuses(R"({"temperature": "hot"})", "temperature is \"hot\"");
  refuses(R"({"top_k": -1})", "top_k is -1: expected an integer from 0");
  refuses(R"({"top_k": 4294967296})", "top_k is 4294967296");
  refuses(R"({"top_k": 1.5})", "top_k is 1.5");
  refuses(R"({"top_p": 0})", "top_p is 0: expected a number above 0");
  refuses(R"({"top_p": 1.01})", "top_p is 1.01: expected a number from 0 to 1");
  refuses(R"({"min_p": 1.01})", "min_p is 1.01: expected a number from 0 to 1");
  refuses(R"({"max_new_tokens": 0})", "max_new_tokens is 0: expected an integer from 1");
  refuses(R"({"eos_token_id": -5})", "eos_token_id is -5: expected a token id");
}

TEST(GenerationConfigTest, IsGreedyWhereThereIsNoFile) {
  const TempDir folder;
  const auto config = LoadGenerationConfig(folder.path());
  ASSERT_THAT(config, IsOk());
  ExpectGreedy(*config);
}

TEST(GenerationConfigTest, NamesTheFileThatIsBroken) {
  const TempDir folder;
  folder.WriteFile("generation_config.json", "[]");
  EXPECT_THAT(LoadGenerationConfig(folder.path()),
              IsInvalid({folder.PathOf("generation_config.json"), "expected a JSON object"}));
}

TEST(GenerationConfigTest, LoadsTheBundledModels) {
  const auto config = LoadGenerationConfig(testing::BundledModelFolder());
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->temperature, 0.8F);
  EXPECT_EQ(config->top_k, 40U);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(4095));
}

}  // namespace
}  // namespace cascade::model
