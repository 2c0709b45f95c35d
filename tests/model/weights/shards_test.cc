// SPDX-License-Identifier: Apache-2.0
// Weights spread over several files.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/shard_index.h"
#include "tests/model/weights/weights_folder.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Safetensors;
using cascade::testing::TensorSpec;
using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kIndexFile[] = "model.safetensors.index.json";

std::string ShardName(std::size_t shard) { return absl::StrCat("model-", shard, ".safetensors"); }

// Deals the tensors of `folder` out to `count` shards, and writes shards and index.
void WriteShards(WeightsFolder& folder, std::size_t count) {
  std::vector<std::vector<TensorSpec>> shards(count);
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < folder.tensors().size(); ++i) {
    const TensorSpec& tensor = folder.tensors()[i];
    shards[i % count].push_back(tensor);
    entries.push_back(absl::StrCat("\"", tensor.name, "\": \"", ShardName(i % count), "\""));
  }
  for (std::size_t i = 0; i < count; ++i) {
    folder.dir().WriteFile(ShardName(i), Safetensors(shards[i]));
  }
  folder.dir().WriteFile(kIndexFile,
                         absl::StrCat(R"({"metadata": {"total_size": 1}, "weight_map": {)",
                                      absl::StrJoin(entries, ","), "}}"));
}

TEST(ShardsTest, ShardedEqualsSingle) {
  const auto single = WeightsFolder().Load();
  ASSERT_THAT(single, IsOk());
  for (const std::size_t count : {1U, 2U, 5U}) {
    WeightsFolder folder;
    WriteShards(folder, count);
    const auto sharded = folder.LoadAsIs();
    ASSERT_THAT(sharded, IsOk());
    EXPECT_EQ(sharded->report.fingerprint, single->report.fingerprint);
    EXPECT_EQ(sharded->report.parameters, single->report.parameters);
    EXPECT_EQ(sharded->weights.wpe, single->weights.wpe);
    EXPECT_EQ(sharded->weights.ln_f.gamma, single->weights.ln_f.gamma);
  }
}

TEST(ShardsTest, ASingleFileGoesBeforeShards) {  // as Hugging Face has it
  WeightsFolder folder;
  folder.dir().WriteFile(kIndexFile, "broken");
  EXPECT_THAT(folder.Load(), IsOk());
}

TEST(ShardsTest, IgnoresWhatAShardHasBesideTheIndex) {
  WeightsFolder folder;
  WriteShards(folder, 1);
  folder.tensors().push_back({"extra", "U8", {1}, "x"});
  folder.dir().WriteFile(ShardName(0), Safetensors(folder.tensors()));
  EXPECT_THAT(folder.LoadAsIs(), IsOk());
}

// As transformers reads all of a shard.
TEST(ShardsTest, UsesWhatAShardHasBesideTheIndex) {
  WeightsFolder folder;
  WriteShards(folder, 1);
  folder.dir().WriteFile(
      kIndexFile, absl::StrCat(R"({"weight_map": {"wte.weight": ")", ShardName(0), R"("}})"));
  const auto loaded = folder.LoadAsIs();
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.fingerprint, WeightsFolder().Load()->report.fingerprint);
}

TEST(ShardsTest, TakesATensorOfTwoShardsFromTheOneThatTheIndexNames) {
  WeightsFolder folder;
  WriteShards(folder, 1);
  const TensorSpec twin{"ln_f.bias", "F32", {6}, std::string(6 * sizeof(float), '\0')};
  folder.dir().WriteFile(ShardName(1), Safetensors({twin, {"extra", "U8", {1}, "x"}}));
  const auto index = [](const char* ln_f) {
    return absl::StrCat(R"({"weight_map": {"wte.weight": ")", ShardName(0), R"(", "extra": ")",
                        ShardName(1), R"(")", ln_f, "}}");
  };
  folder.dir().WriteFile(kIndexFile,
                         index(absl::StrCat(R"(, "ln_f.bias": ")", ShardName(1), R"(")").c_str()));
  EXPECT_EQ(folder.LoadAsIs()->weights.ln_f.beta, std::vector<float>(6, 0.0F));
  folder.dir().WriteFile(kIndexFile, index(""));
  EXPECT_THAT(folder.LoadAsIs(), IsInvalid({"tensor \"ln_f.bias\"", "found in two shards"}));
}

TEST(ShardsTest, NeedsNoTensorThatTheIndexNamesAndTheModelHasNot) {
  WeightsFolder folder;
  folder.tensors().push_back({"h.0.attn.masked_bias", "F32", {}, std::string(4, '\0')});
  WriteShards(folder, 1);
  folder.Remove("h.0.attn.masked_bias");
  folder.dir().WriteFile(ShardName(0), Safetensors(folder.tensors()));
  EXPECT_THAT(folder.LoadAsIs(), IsOk());
}

TEST(ShardsTest, FindsShardsInSubfolders) {
  WeightsFolder folder;
  std::filesystem::create_directories(folder.dir().PathOf("shards/a"));
  folder.dir().WriteFile("shards/a/x.safetensors", Safetensors(folder.tensors()));
  folder.dir().WriteFile(kIndexFile, R"({"weight_map": {"wte.weight": "shards/a/x.safetensors"}})");
  EXPECT_THAT(folder.LoadAsIs(), IsOk());
}

TEST(ShardsTest, NamesAShardThatIsMissing) {
  WeightsFolder folder;
  WriteShards(folder, 2);
  folder.dir().WriteFile(kIndexFile, R"({"weight_map": {"wte.weight": "model-7.safetensors"}})");
  EXPECT_THAT(folder.LoadAsIs(),
              IsInvalid({folder.dir().PathOf(kIndexFile), "tensor \"wte.weight\"",
                         folder.dir().PathOf("model-7.safetensors"), "no such file"}));
}

TEST(ShardsTest, NamesAShardWithoutItsTensor) {
  WeightsFolder folder;
  WriteShards(folder, 1);
  folder.Remove("h.0.ln_2.bias");
  folder.dir().WriteFile(ShardName(0), Safetensors(folder.tensors()));
  EXPECT_THAT(folder.LoadAsIs(),
              IsInvalid({folder.dir().PathOf(kIndexFile), "tensor \"h.0.ln_2.bias\"",
                         folder.dir().PathOf(ShardName(0)), "lacks it"}));
}

TEST(ShardsTest, NamesAShardThatIsBroken) {
  WeightsFolder folder;
  WriteShards(folder, 2);
  folder.dir().WriteFile(ShardName(1), "broken");
  EXPECT_THAT(folder.LoadAsIs(), IsInvalid({folder.dir().PathOf(ShardName(1))}));
}

TEST(ShardsTest, NamesATensorThatTheIndexLacks) {
  WeightsFolder folder;
  folder.Remove("wpe.weight");
  WriteShards(folder, 2);
  EXPECT_THAT(folder.LoadAsIs(),
              IsInvalid({folder.dir().path(), "\"wpe.weight\"", "no weight file"}));
}

TEST(ShardIndexTest, GroupsTensorsByShard) {
  const auto index = ParseShardIndex(
      R"({"weight_map": {"b": "2.safetensors", "a": "2.safetensors", "c": "1.safetensors"}})", "i");
  ASSERT_THAT(index, IsOk());
  EXPECT_THAT(*index, ElementsAre(Pair("1.safetensors", ElementsAre("c")),
                                  Pair("2.safetensors", ElementsAre("a", "b"))));
}

TEST(ShardIndexTest, RefusesNamesThatLeadOutOfTheFolder) {
  for (const char* name :
       {"../secret.safetensors", "/etc/x.safetensors", "a/../../b.safetensors", "..", ".", "",
        R"(a\\b.safetensors)", R"(a\u0000.safetensors)", "model.bin"}) {
    EXPECT_THAT(
        ParseShardIndex(absl::StrCat(R"({"weight_map": {"a": ")", name, R"("}})"), "i.json"),
        IsInvalid({"i.json: tensor \"a\": expected the name of a .safetensors file"}))
        << name;
  }
  EXPECT_THAT(ParseShardIndex(R"({"weight_map": {"a": 1}})", "i.json"),
              IsInvalid({"i.json: tensor \"a\"", "found 1"}));
}

TEST(ShardIndexTest, RefusesWhatIsNoIndex) {
  for (const char* text : {"{}", R"({"weight_map": []})", R"({"weight_map": {}})"}) {
    EXPECT_THAT(ParseShardIndex(text, "i.json"), IsInvalid({"i.json: expected weight_map"}))
        << text;
  }
  EXPECT_THAT(ParseShardIndex("[]", "i.json"), IsInvalid({"i.json: expected a JSON object"}));
}

}  // namespace
}  // namespace cascade::model
