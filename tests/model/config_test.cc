// SPDX-License-Identifier: Apache-2.0

#include "model/config.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Refuses;
using cascade::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Parts = std::vector<std::string>;

// What a config.json must have.
nlohmann::json SmallestConfig() {
  return {{"model_type", "gpt2"}, {"n_layer", 2},      {"n_head", 4},
          {"n_embd", 64},         {"n_positions", 32}, {"vocab_size", 100}};
}

absl::StatusOr<ModelConfig> Parse(const nlohmann::json& config) {
  return ParseModelConfig(config.dump(), "config.json");
}

// The smallest config with the keys of `changes` added or replaced.
absl::StatusOr<ModelConfig> ParseWith(const nlohmann::json& changes) {
  nlohmann::json config = SmallestConfig();
  config.update(changes);
  return Parse(config);
}

absl::StatusOr<ModelConfig> ParseWithout(const std::string& key) {
  nlohmann::json config = SmallestConfig();
  config.erase(key);
  return Parse(config);
}

TEST(ConfigTest, ReadsTheSizes) {
  const auto config = ParseWith({{"n_inner", 200}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_layer, 2U);
  EXPECT_EQ(config->n_head, 4U);
  EXPECT_EQ(config->n_embd, 64U);
  EXPECT_EQ(config->n_inner, 200U);
  EXPECT_EQ(config->n_ctx, 32U);
  EXPECT_EQ(config->vocab_size, 100U);
  EXPECT_EQ(config->head_dim(), 16U);
}

TEST(ConfigTest, LeavesGpt2sDefaultsWhereTheFileSaysNothing) {
  const auto config = Parse(SmallestConfig());
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_inner, 256U);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-5F);
  EXPECT_EQ(config->activation, kernels::Activation::kGeluNew);
  EXPECT_TRUE(config->scale_attn_weights);
  EXPECT_FALSE(config->scale_attn_by_inverse_layer_idx);
  EXPECT_TRUE(config->tie_word_embeddings);
}

TEST(ConfigTest, TakesNullForAbsent) {
  const auto config =
      ParseWith({{"n_inner", nullptr}, {"layer_norm_epsilon", nullptr}, {"n_ctx", nullptr}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_inner, 256U);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-5F);
}

TEST(ConfigTest, TakesPositionsFromNPositionsEvenIfNCtxDiffers) {
  const auto config = ParseWith({{"n_ctx", 8}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_ctx, 32U);
}

TEST(ConfigTest, ReadsTheSwitches) {
  const auto config = ParseWith({{"scale_attn_weights", false},
                                 {"scale_attn_by_inverse_layer_idx", true},
                                 {"tie_word_embeddings", false},
                                 {"layer_norm_epsilon", 1e-6}});
  ASSERT_THAT(config, IsOk());
  EXPECT_FALSE(config->scale_attn_weights);
  EXPECT_TRUE(config->scale_attn_by_inverse_layer_idx);
  EXPECT_FALSE(config->tie_word_embeddings);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-6F);
}

TEST(ConfigTest, KnowsTheActivations) {
  using kernels::Activation;
  const std::map<Activation, std::vector<const char*>> names = {
      {Activation::kGeluNew,
       {"gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate"}},
      {Activation::kGelu, {"gelu", "gelu_python"}},
      {Activation::kRelu, {"relu"}},
      {Activation::kSilu, {"silu", "swish"}},
      {Activation::kQuickGelu, {"quick_gelu"}},
      {Activation::kMish, {"mish"}},
      {Activation::kNone, {"linear"}}};
  for (const auto& [activation, all] : names) {
    for (const char* name : all) {
      EXPECT_EQ(ParseWith({{"activation_function", name}}).value().activation, activation) << name;
    }
  }
  for (const char* other : {"gelu_10", "relu2", "tanh", "", "GELU"}) {
    EXPECT_THAT(
        ParseWith({{"activation_function", other}}),
        IsInvalid({"config.json: activation_function is", other, "\"gelu_new\", ", "\"linear\""}));
  }
}

TEST(ConfigTest, ReadsEosAsOneIdAListOrNone) {
  EXPECT_THAT(ParseWith({{"eos_token_id", 7}})->eos_token_ids, ElementsAre(7));
  EXPECT_THAT(ParseWith({{"eos_token_id", {7, 9}}})->eos_token_ids, ElementsAre(7, 9));
  EXPECT_THAT(ParseWith({{"eos_token_id", nullptr}})->eos_token_ids, IsEmpty());
  EXPECT_THAT(ParseWith({{"eos_token_id", nlohmann::json::array()}})->eos_token_ids, IsEmpty());
}

TEST(ConfigTest, HasGpt2sEosWhereTheFileDoesNotSay) {
  EXPECT_THAT(ParseWith({{"vocab_size", 50257}})->eos_token_ids, ElementsAre(50256));
}

TEST(ConfigTest, DropsAnEosBeyondTheVocabulary) {
  EXPECT_THAT(Parse(SmallestConfig())->eos_token_ids, IsEmpty());
  EXPECT_THAT(Parse(SmallestConfig())->warnings, IsEmpty());
  const auto config = ParseWith({{"eos_token_id", {99, 100}}});
  EXPECT_THAT(config->eos_token_ids, ElementsAre(99));
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("config.json: eos_token_id 100 is beyond the vocabulary of "
                                    "100 tokens")));
}

TEST(ConfigTest, RefusesAnEosThatIsNoId) {
  for (const auto& wrong : nlohmann::json::array({-1, 1.5, "a", {{"a", 1}}, 4294967296})) {
    EXPECT_THAT(ParseWith({{"eos_token_id", wrong}}),
                IsInvalid({"config.json: eos_token_id is", "a token id or a list"}));
  }
  EXPECT_THAT(ParseWith({{"eos_token_id", {1, "b"}}}), IsInvalid({"eos_token_id is an array"}));
}

TEST(ConfigTest, AsksForEverySizeWhereTheFileDoesNotSayThatItIsOfAGpt2) {
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_positions", "vocab_size"}) {
    nlohmann::json config = SmallestConfig();
    config.erase("model_type");
    config.erase(key);
    EXPECT_THAT(Parse(config),
                IsInvalid({absl::StrCat("config.json: ", key, " is missing"), "integer from "}));
    EXPECT_THAT(ParseWith({{key, nullptr}}), IsInvalid({absl::StrCat(key, " is missing")}));
  }
  EXPECT_THAT(Parse(nlohmann::json::object()), IsInvalid({"n_layer is missing"}));
}

TEST(ConfigTest, HasGpt2sSizesWhereTheFileSaysThatItIsOfOne) {
  for (const nlohmann::json& smallest : {nlohmann::json{{"model_type", "gpt2"}},
                                         nlohmann::json{{"architectures", {"GPT2LMHeadModel"}}}}) {
    const auto config = Parse(smallest);
    ASSERT_THAT(config, IsOk());
    EXPECT_EQ(config->ParameterCount(), 124'439'808U);
    EXPECT_EQ(config->n_ctx, 1024U);
    EXPECT_THAT(config->eos_token_ids, ElementsAre(50256));
    EXPECT_THAT(config->warnings, IsEmpty());
  }
  EXPECT_EQ(ParseWithout("n_layer")->n_layer, 12U);
}

TEST(ConfigTest, ReadsTheSizesUnderTheirOtherNames) {
  const auto config = Parse({{"model_type", "gpt2"},
                             {"num_hidden_layers", 3},
                             {"num_attention_heads", 2},
                             {"hidden_size", 32},
                             {"max_position_embeddings", 48},
                             {"vocab_size", 100}});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_layer, 3U);
  EXPECT_EQ(config->n_head, 2U);
  EXPECT_EQ(config->n_embd, 32U);
  EXPECT_EQ(config->n_inner, 128U);
  EXPECT_EQ(config->n_ctx, 48U);
  EXPECT_THAT(ParseWith({{"hidden_size", 64}}), IsOk());
  EXPECT_THAT(ParseWith({{"hidden_size", 0}, {"n_embd", nullptr}}),
              IsInvalid({"config.json: hidden_size is 0: expected an integer from 1"}));
}

// transformers would take the other name, whatever the order.
TEST(ConfigTest, RefusesTwoNamesOfASizeWithTwoValues) {
  EXPECT_THAT(ParseWith({{"hidden_size", 128}}),
              IsInvalid({"config.json: hidden_size is 128: expected the value of n_embd, which is "
                         "64: they are two names of one size"}));
  EXPECT_THAT(ParseWith({{"max_position_embeddings", 64}}), IsInvalid({"n_positions", "32"}));
}

TEST(ConfigTest, ReadsWhatPythonWritesForNumbersThatAreNotFinite) {
  const auto parse = [](absl::string_view members) {
    return ParseModelConfig(absl::StrCat("\xEF\xBB\xBF{\"model_type\": \"gpt2\", ", members, "}"),
                            "config.json");
  };
  EXPECT_THAT(parse(R"("a": NaN, "b": [Infinity, -Infinity], "c": "a NaN \\")"), IsOk());
  EXPECT_THAT(parse(R"("layer_norm_epsilon": NaN)"),
              IsInvalid({"layer_norm_epsilon is \"NaN\": expected a number"}));
  EXPECT_THAT(parse(R"("a": nan)"), IsInvalid({"config.json: not valid JSON at byte"}));
}

TEST(ConfigTest, RefusesQuantizedWeightsByName) {
  EXPECT_THAT(ParseWith({{"quantization_config", nullptr}}), IsOk());
  EXPECT_THAT(ParseWith({{"quantization_config", {{"quant_method", "gptq"}}}}),
              IsInvalid({"config.json: quantization_config is an object: expected none", "gptq"}));
}

TEST(ConfigTest, WarnsOfOtherHeadsAndOfCode) {
  const auto warnings = [](const nlohmann::json& changes) { return ParseWith(changes)->warnings; };
  using nlohmann::json;
  EXPECT_THAT(warnings({{"architectures", {"GPT2LMHeadModel"}}}), IsEmpty());
  EXPECT_THAT(warnings({{"architectures", {"GPT2DoubleHeadsModel"}}}), IsEmpty());
  EXPECT_THAT(warnings({{"architectures", {"GPT2ForSequenceClassification"}}}),
              ElementsAre(HasSubstr("config.json: architectures has \"GPT2ForSequenceClass")));
  EXPECT_THAT(warnings({{"auto_map", {{"AutoModel", "m.M"}}}}), ElementsAre(HasSubstr("auto_map")));
}

TEST(ConfigTest, AsksForRoomForAPromptAndAToken) {
  EXPECT_THAT(ParseWith({{"n_positions", 1}}),
              IsInvalid({"n_positions is 1: expected an integer from 2 to 1048576"}));
  EXPECT_THAT(ParseWith({{"n_layer", 0}}), IsInvalid({"n_layer is 0: expected an integer from 1"}));
}

TEST(ConfigTest, RefusesSizesThatAreNone) {
  using nlohmann::json;
  const json wrong_sizes = {
      0, -1, 2.0, "2", true, json::array({2}), json::object(), 9223372036854775808U, 1e300};
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_inner", "n_positions", "vocab_size"}) {
    for (const json& wrong : wrong_sizes) {
      EXPECT_THAT(ParseWith({{key, wrong}}),
                  IsInvalid({absl::StrCat("config.json: ", key, " is "), "an integer from "}))
          << wrong;
    }
  }
}

// The largest configuration that is let through must not overflow anything that is counted from it.
TEST(ConfigTest, LargestSizesDoNotOverflow) {
  const auto config = ParseWith({{"n_layer", 1024},
                                 {"n_head", 1024},
                                 {"n_embd", 65536},
                                 {"n_inner", 262144},
                                 {"n_positions", 1048576},
                                 {"vocab_size", 16777216},
                                 {"tie_word_embeddings", false}});
  ASSERT_THAT(config, IsOk());
  EXPECT_LT(std::log2(static_cast<double>(config->ParameterCount())), 47.0);
  EXPECT_GT(std::log2(static_cast<double>(config->ParameterCount())), 45.0);
}

TEST(ConfigTest, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_THAT(ParseWith({{"n_head", 5}}),
              IsInvalid({"config.json: n_embd is 64: expected a multiple of n_head, which is 5"}));
}

TEST(ConfigTest, RefusesAnEpsilonThatIsNone) {
  using nlohmann::json;
  for (const json& wrong : json::array({0, -1e-5, 1.5, "1e-5", 1e-30})) {
    EXPECT_THAT(ParseWith({{"layer_norm_epsilon", wrong}}),
                IsInvalid({"config.json: layer_norm_epsilon is ", "a number from"}));
  }
}

TEST(ConfigTest, RefusesOtherModels) {
  EXPECT_THAT(ParseWith({{"model_type", "llama"}}),
              IsInvalid({R"(config.json: model_type is "llama": expected "gpt2")"}));
  EXPECT_THAT(ParseWith({{"model_type", 2}}), IsInvalid({"model_type is 2", "a string"}));
}

TEST(ConfigTest, GoesByTheArchitecturesWhereThereIsNoModelType) {
  const auto parse = [](const nlohmann::json& architectures) {
    return ParseWith({{"model_type", nullptr}, {"architectures", architectures}});
  };
  EXPECT_THAT(ParseWithout("model_type"), IsOk());
  EXPECT_THAT(parse(nlohmann::json::array({"GPT2LMHeadModel"})), IsOk());
  EXPECT_THAT(parse(nlohmann::json::array({"LlamaForCausalLM"})),
              IsInvalid({"config.json: architectures is", "GPT2LMHeadModel"}));
  EXPECT_THAT(parse("GPT2LMHeadModel"), IsInvalid({"architectures is \"GPT2LMHeadModel\""}));
}

TEST(ConfigTest, RefusesCrossAttention) {
  EXPECT_THAT(ParseWith({{"add_cross_attention", false}}), IsOk());
  EXPECT_THAT(ParseWith({{"add_cross_attention", true}}),
              IsInvalid({"config.json: add_cross_attention is true"}));
}

TEST(ConfigTest, RefusesSwitchesThatAreNotBoolean) {
  for (const char* key : {"scale_attn_weights", "scale_attn_by_inverse_layer_idx",
                          "tie_word_embeddings", "add_cross_attention"}) {
    EXPECT_THAT(ParseWith({{key, 1}}),
                IsInvalid({absl::StrCat("config.json: ", key, " is 1: expected true or false")}));
  }
}

TEST(ConfigTest, IgnoresWhatDoesNotMatterAtInference) {
  EXPECT_THAT(ParseWith({{"attn_pdrop", "?"},
                         {"summary_type", 3},
                         {"reorder_and_upcast_attn", true},
                         {"task_specific_params", {{"text-generation", {{"do_sample", true}}}}}}),
              IsOk());
}

TEST(ConfigTest, ReportsTheFirstOfSeveralMistakes) {
  EXPECT_THAT(ParseWith({{"n_layer", 0}, {"n_head", 0}}), IsInvalid({"n_layer is 0"}));
}

TEST(ConfigTest, AttentionScaleFollowsTheSwitches) {
  ModelConfig config;  // head_dim 64
  EXPECT_EQ(config.AttentionScale(3), 0.125F);
  config.scale_attn_by_inverse_layer_idx = true;
  EXPECT_EQ(config.AttentionScale(3), 0.03125F);
  config.scale_attn_weights = false;
  EXPECT_EQ(config.AttentionScale(3), 0.25F);
}

// The figures are Hugging Face's num_parameters().
TEST(ConfigTest, CountsTheParametersOfTheKnownModels) {
  ModelConfig config;
  EXPECT_EQ(config.ParameterCount(), 124'439'808U);
  config.n_layer = 24;
  config.n_head = 16;
  config.n_embd = 1024;
  config.n_inner = 4096;
  EXPECT_EQ(config.ParameterCount(), 354'823'168U);
  config.tie_word_embeddings = false;
  EXPECT_EQ(config.ParameterCount(), 354'823'168U + 50257U * 1024U);
}

TEST(ConfigTest, LoadsTheBundledModels) {
  const auto config = LoadModelConfig(testing::BundledModelFolder());
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->n_layer, 8U);
  EXPECT_EQ(config->n_ctx, 512U);
  EXPECT_EQ(config->ParameterCount(), 7'498'240U);
  EXPECT_THAT(config->eos_token_ids, ElementsAre(4095));
}

TEST(ConfigTest, NamesTheFileThatIsNotThere) {
  const TempDir folder;
  EXPECT_THAT(LoadModelConfig(folder.path()),
              Refuses(absl::StatusCode::kNotFound, Parts{folder.PathOf("config.json")}));
  folder.WriteFile("config.json", "{");
  EXPECT_THAT(LoadModelConfig(folder.path()),
              IsInvalid({folder.PathOf("config.json"), "not valid JSON"}));
}

}  // namespace
}  // namespace cascade::model
