// SPDX-License-Identifier: Apache-2.0
// Weight files in other shapes than save_pretrained's: each gives the same weights, or says what it
// makes of them.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/gpt2_weights.h"
#include "tests/model/weights/weights_folder.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::TensorSpec;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string PlainFingerprint() { return WeightsFolder().Load()->report.fingerprint; }

// Loads the tensors as a model whose head config.json ties.
absl::StatusOr<LoadedWeights> LoadTied(const std::vector<TensorSpec>& tensors) {
  WeightsFolder folder;
  folder.tensors() = tensors;
  return folder.Load();
}

// A small model's tensors with a head that equals the embedding.
std::vector<TensorSpec> TensorsWithAnEqualHead() {
  WeightsFolder folder;
  TensorSpec head = folder.Tensor("wte.weight");
  head.name = "lm_head.weight";
  folder.tensors().push_back(head);
  return folder.tensors();
}

TEST(TiedHeadTest, IsTheEmbeddingIfTheStoredOneEqualsIt) {
  const auto loaded = LoadTied(TensorsWithAnEqualHead());
  ASSERT_THAT(loaded, IsOk());
  EXPECT_FALSE(loaded->weights.lm_head.has_value());
  EXPECT_EQ(&loaded->weights.Head(), &loaded->weights.wte);
  EXPECT_EQ(loaded->report.fingerprint, PlainFingerprint());
  EXPECT_THAT(loaded->report.warnings, IsEmpty());
}

TEST(TiedHeadTest, IsTheEmbeddingIfTheyAreEqualInTwoTypes) {
  std::vector<TensorSpec> tensors = TensorsWithAnEqualHead();
  WeightsFolder narrow(SmallConfig(), kernels::ElementType::kBf16);
  TensorSpec head = narrow.Tensor("wte.weight");
  head.name = "lm_head.weight";
  tensors.back() = head;
  EXPECT_FALSE(LoadTied(tensors)->weights.lm_head.has_value());
}

TEST(TiedHeadTest, IsAMatrixOfItsOwnIfTheStoredOneDiffersAsInTransformers5) {
  std::vector<TensorSpec> tensors = TensorsWithAnEqualHead();
  tensors.back().bytes.back() ^= 1;
  const auto loaded = LoadTied(tensors);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_TRUE(loaded->weights.lm_head.has_value());
  EXPECT_EQ(loaded->report.parameters, UntiedConfig().ParameterCount());
  EXPECT_THAT(loaded->report.warnings,
              ElementsAre(AllOf(HasSubstr("lm_head.weight is not wte.weight"),
                                HasSubstr("transformers 4 uses wte.weight"))));
}

TEST(TiedHeadTest, IsTheEmbeddingIfOnlyTheHeadIsStored) {
  WeightsFolder folder;
  folder.Tensor("wte.weight").name = "lm_head.weight";
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.fingerprint, PlainFingerprint());
  EXPECT_THAT(loaded->report.warnings, IsEmpty());
  WeightsFolder untied(UntiedConfig());
  untied.Remove("wte.weight");
  EXPECT_THAT(untied.Load(), IsInvalid({"\"wte.weight\"", "found in no weight file"}));
}

TEST(AbsentBiasesTest, AreZerosIfNoBlockHasThem) {
  for (const char* kind : {".bias", "ln_", "attn.c_attn.bias", "mlp.c_proj.bias"}) {
    WeightsFolder folder;
    std::erase_if(folder.tensors(), [kind](const TensorSpec& tensor) {
      return absl::EndsWith(tensor.name, ".bias") && absl::StrContains(tensor.name, kind);
    });
    const auto loaded = folder.Load();
    ASSERT_THAT(loaded, IsOk()) << kind;
    EXPECT_THAT(loaded->report.warnings,
                ElementsAre(HasSubstr("biases that are not stored are zeros: \"h.0.")));
    EXPECT_EQ(loaded->report.parameters, SmallConfig().ParameterCount());
  }
  WeightsFolder folder;
  std::erase_if(folder.tensors(),
                [](const TensorSpec& tensor) { return absl::EndsWith(tensor.name, ".bias"); });
  const auto loaded = folder.Load();
  EXPECT_THAT(loaded->weights.h[1].attn.c_attn.bias, AllOf(SizeIs(18), Each(0.0F)));
  EXPECT_THAT(loaded->weights.ln_f.beta, AllOf(SizeIs(6), Each(0.0F)));
}

TEST(Float64Test, IsRoundedToFloat32) {
  WeightsFolder folder;
  for (TensorSpec& tensor : folder.tensors()) {
    std::vector<float> values(tensor.bytes.size() / sizeof(float));
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    const std::vector<double> wide(values.begin(), values.end());
    tensor.dtype = "F64";
    tensor.bytes.assign(reinterpret_cast<const char*>(wide.data()), wide.size() * sizeof(double));
  }
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  const auto plain = WeightsFolder().Load();
  EXPECT_EQ(loaded->report.stored_type, kernels::ElementType::kF32);
  EXPECT_EQ(loaded->report.precision, kernels::WeightType::kF32);
  EXPECT_EQ(loaded->weights.wpe, plain->weights.wpe);
  EXPECT_TRUE(std::ranges::equal(loaded->weights.wte.contents(), plain->weights.wte.contents()));
  EXPECT_TRUE(std::ranges::equal(loaded->weights.h[1].mlp.c_fc.weight.contents(),
                                 plain->weights.h[1].mlp.c_fc.weight.contents()));
  EXPECT_THAT(folder.Load(kernels::WeightType::kInt8), IsOk());
}

TEST(TensorNamesTest, LoseTheNamesOfWrappers) {
  for (const char* wrapper : {"_orig_mod.", "module.", "pretrained_model.", "module._orig_mod.",
                              "model.", "base.model."}) {
    for (const char* model : {"", "transformer."}) {
      WeightsFolder folder(SmallConfig(), kernels::ElementType::kF32, absl::StrCat(wrapper, model));
      folder.tensors().push_back({"v_head.summary.weight", "F32", {1}, std::string(4, '\0')});
      const auto loaded = folder.Load();
      ASSERT_THAT(loaded, IsOk()) << wrapper;
      EXPECT_EQ(loaded->report.fingerprint, PlainFingerprint());
      EXPECT_THAT(loaded->report.warnings,
                  ElementsAre(HasSubstr("are not used: \"v_head.summary.weight\"")));
    }
  }
}

TEST(TensorNamesTest, NeedNoWrapperBeforeTheHead) {
  WeightsFolder folder(UntiedConfig(), kernels::ElementType::kF32, "model.");
  TensorSpec& head = folder.Tensor("model.lm_head.weight");
  head.name = "lm_head.weight";
  EXPECT_EQ(folder.Load()->report.fingerprint,
            WeightsFolder(UntiedConfig()).Load()->report.fingerprint);
}

TEST(TensorNamesTest, KeepWhatNotEveryTensorHas) {
  WeightsFolder folder(SmallConfig(), kernels::ElementType::kF32, "module.");
  TensorSpec& bare = folder.Tensor("module.h.1.ln_1.bias");
  bare.name = std::string(absl::StripPrefix(bare.name, "module."));
  EXPECT_THAT(folder.Load(), IsInvalid({"\"wte.weight\"", "found in no weight file"}));
}

TEST(TensorNamesTest, DoNotChooseBetweenTwoModels) {
  WeightsFolder folder(SmallConfig(), kernels::ElementType::kF32, "policy.");
  WeightsFolder other(SmallConfig(), kernels::ElementType::kF32, "reference.");
  for (const TensorSpec& tensor : other.tensors()) folder.tensors().push_back(tensor);
  EXPECT_THAT(folder.Load(), IsInvalid({"\"wte.weight\"", "found in no weight file"}));
}

TEST(OtherFilesTest, AreNamedAsWhatTheyAre) {
  const WeightsFolder folder;
  const std::vector<std::pair<std::string, const char*>> files = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"},
      {"<!doctype html>\n<html><head></head></html>", "HTML page"},
      {"Entry not found", "web server's error"},
      {"404", "web server's error"},
      {R"({"error": "Invalid credentials"})", R"(text that begins with "{\"error\": \"Invalid)"},
      {"Bad gateway", R"(text that begins with "Bad gateway")"},
      {std::string(1000, '\0'), "zeros"},
      {std::string("PK\x03\x04\x00\x00\x08\x08", 8) + std::string(600, 'x'), "PyTorch's .bin"},
      {"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9" + std::string(600, 'x'), "Python pickle"},
      {std::string("GGUF\x03\0\0\0", 8) + std::string(100, 'x'), "GGUF"},
  };
  for (const auto& [contents, what] : files) {
    folder.dir().WriteFile("model.safetensors", contents);
    EXPECT_THAT(folder.LoadAsIs(),
                IsInvalid({folder.path(), ": expected a safetensors file", what}))
        << what;
  }
}

TEST(OtherFilesTest, SaysThatAnAdapterIsNotMerged) {
  WeightsFolder folder;
  folder.Tensor("h.0.attn.c_attn.weight").name = "h.0.attn.c_attn.base_layer.weight";
  EXPECT_THAT(folder.Load(), IsInvalid({"\"h.0.attn.c_attn.weight\"", "adapter (LoRA): merge"}));
}

TEST(OtherFilesTest, SaysThatAFileIsTooShort) {
  const WeightsFolder folder;
  ASSERT_THAT(folder.Load(), IsOk());
  const std::string whole = cascade::testing::Safetensors(WeightsFolder().tensors());
  folder.dir().WriteFile("model.safetensors", whole.substr(0, whole.size() - 100));
  EXPECT_THAT(folder.LoadAsIs(), IsInvalid({folder.path(), "incomplete download"}));
}

}  // namespace
}  // namespace cascade::model
