// SPDX-License-Identifier: Apache-2.0

#include "model/generation_config.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
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
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
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

// transformers 4 and 5 leave a top_k of 50 out of the file that they write.
TEST(GenerationConfigTest, AModelThatSamplesHasTransformersTopK) {
  EXPECT_EQ(Parse(R"({"do_sample": true, "temperature": 0.8})")->top_k, 50U);
  EXPECT_EQ(Parse(R"({"do_sample": true, "top_k": null})")->top_k, 50U);
  EXPECT_EQ(Parse(R"({"do_sample": true, "top_k": 0})")->top_k, 0U);
  EXPECT_EQ(Parse(R"({"do_sample": true, "top_k": 7})")->top_k, 7U);
  EXPECT_EQ(Parse(R"({"do_sample": false, "temperature": 0.8})")->top_k, 0U);
}

TEST(GenerationConfigTest, WarnsOfWhatItDoesNotFollow) {
  const std::pair<const char*, const char*> keys[] = {
      {"encoder_repetition_penalty", "1.1"},
      {"encoder_no_repeat_ngram_size", "3"},
      {"max_length", "50"},
      {"min_length", "10"},
      {"min_new_tokens", "4"},
      {"num_beams", "4"},
      {"suppress_tokens", "[1]"},
      {"begin_suppress_tokens", "[1]"},
      {"bad_words_ids", "[[1]]"},
      {"stop_strings", "[\"x\"]"},
      {"stop_strings", "\"x\""},
      {"top_h", "0.4"},
      {"epsilon_cutoff", "3e-4"},
      {"eta_cutoff", "3e-4"},
      {"penalty_alpha", "0.6"},
      {"forced_bos_token_id", "0"},
      {"forced_eos_token_id", "[1]"},
      {"sequence_bias", "[[[1], 2.0]]"},
      {"exponential_decay_length_penalty", "[3, 1.1]"},
      {"force_words_ids", "[[1]]"},
      {"constraints", "[1]"},
      {"guidance_scale", "1.5"},
      {"watermarking_config", "{}"},
      {"num_return_sequences", "2"},
      {"max_time", "1.5"},
      {"token_healing", "true"},
      {"dola_layers", "\"low\""},
      {"cache_implementation", "\"quantized\""},
  };
  for (const auto& [key, value] : keys) {
    const auto config = Parse(absl::StrCat("{\"do_sample\": true, \"", key, "\": ", value, "}"));
    ASSERT_THAT(config, IsOk()) << key;
    EXPECT_THAT(config->warnings,
                ElementsAre(AllOf(HasSubstr("generation_config.json: not followed"),
                                  HasSubstr(absl::StrCat(": ", key, " (")))))
        << key << value;
  }
}

TEST(GenerationConfigTest, FollowsPenaltiesAndTypicalP) {
  const auto config = Parse(
      R"({"repetition_penalty": 1.5, "no_repeat_ngram_size": 3, "do_sample": true,
          "typical_p": 0.9})");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->repetition_penalty, 1.5F);
  EXPECT_EQ(config->no_repeat_ngram_size, 3U);
  EXPECT_EQ(config->typical_p, 0.9F);
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_EQ(Parse(R"({"typical_p": 2})")->typical_p, 1.0F);  // cuts nothing
  EXPECT_THAT(Parse(R"({"typical_p": 0})"), IsInvalid({"typical_p", "above 0"}));
  EXPECT_THAT(Parse(R"({"repetition_penalty": 0})"), IsInvalid({"repetition_penalty", "above 0"}));
}

TEST(GenerationConfigTest, WarnsInOneSentenceOfAllThatItDoesNotFollow) {
  EXPECT_THAT(Parse(R"({"num_beams": 4, "min_length": 5, "stop_strings": ["x"]})")->warnings,
              ElementsAre(HasSubstr(": min_length (5), num_beams (4), stop_strings (an array)")));
}

TEST(GenerationConfigTest, WarnsOfKeysThatNobodyKnows) {
  EXPECT_THAT(Parse(R"({"temprature": 0.5, "max_window_size": null})")->warnings,
              ElementsAre(HasSubstr("not known, neither to transformers 5.23: \"temprature\"")));
}

TEST(GenerationConfigTest, WarnsOfNothingThatChangesNothing) {
  const auto config = Parse(R"({
      "repetition_penalty": 1.0, "encoder_repetition_penalty": 1, "no_repeat_ngram_size": 0,
      "encoder_no_repeat_ngram_size": 0, "max_length": 20, "min_length": 0, "min_new_tokens": null,
      "num_beams": 1, "num_beam_groups": 1, "diversity_penalty": 0.0, "length_penalty": 2.0,
      "early_stopping": true, "suppress_tokens": [], "begin_suppress_tokens": null,
      "bad_words_ids": null, "stop_strings": null, "typical_p": 1.0, "top_h": null,
      "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "penalty_alpha": null, "forced_bos_token_id": null,
      "sequence_bias": null, "guidance_scale": 1, "num_return_sequences": 1, "max_time": null,
      "token_healing": false, "renormalize_logits": false, "remove_invalid_values": false,
      "cache_implementation": "static", "use_cache": true, "output_scores": false,
      "return_dict_in_generate": false, "pad_token_id": 0, "bos_token_id": 0,
      "_from_model_config": true, "transformers_version": "5.23.0", "is_assistant": false,
      "num_assistant_tokens": 20, "prompt_lookup_num_tokens": 3})");
  ASSERT_THAT(config, IsOk());
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_THAT(Parse(R"({"max_length": 50, "max_new_tokens": 9})")->warnings, IsEmpty());
}

// As transformers 4 and 5, where there is no generation_config.json.
TEST(GenerationConfigTest, ReadsTheKeysOfAnOldConfig) {
  const TempDir folder;
  folder.WriteFile("config.json", R"({"model_type": "gpt2", "n_layer": 2, "do_sample": true,
      "temperature": 0.7, "top_k": 7, "top_p": 0.9, "max_length": 40, "eos_token_id": 5})");
  const auto config = LoadGenerationConfig(folder.path());
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->temperature, 0.7F);
  EXPECT_EQ(config->top_k, 7U);
  EXPECT_EQ(config->top_p, 0.9F);
  EXPECT_THAT(config->eos_token_ids, IsEmpty());
  EXPECT_THAT(config->warnings,
              ElementsAre(AllOf(HasSubstr(folder.PathOf("config.json") + ": not followed"),
                                HasSubstr(": max_length (40)"))));

  folder.WriteFile("generation_config.json", R"({"eos_token_id": 5})");
  const auto own = LoadGenerationConfig(folder.path());
  ASSERT_THAT(own, IsOk());
  EXPECT_EQ(own->temperature, 0.0F);
  EXPECT_THAT(own->warnings, ElementsAre(HasSubstr("max_length, do_sample: not used")));
}

// Only pipelines of transformers 4 do.
TEST(GenerationConfigTest, WarnsOfTaskSpecificParamsAndDoesNotFollowThem) {
  const TempDir folder;
  folder.WriteFile("config.json", R"({"model_type": "gpt2", "task_specific_params":
      {"text-generation": {"do_sample": true, "max_length": 50}}})");
  const auto config = LoadGenerationConfig(folder.path());
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->temperature, 0.0F);
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("task_specific_params has \"do_sample\", \"max_length\"")));
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
