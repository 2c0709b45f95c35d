// SPDX-License-Identifier: Apache-2.0

#include "model/source/hugging_face_folder.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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

// What lies in place of a model's folder, and what the refusal says of it.
TEST(HuggingFaceFolderTest, SaysWhatIsThereInsteadOfAModel) {
  const TempDir root;
  const auto refuses = [&root](const std::string& file, const Parts& parts) {
    const std::string name = absl::StrCat("folder", file.size(), file.substr(0, 1));
    std::filesystem::create_directories(root.PathOf(absl::StrCat(name, "/", file)));
    EXPECT_THAT(HuggingFaceFolder(root.PathOf(name)).ReadConfig(),
                Refuses(absl::StatusCode::kNotFound, parts))
        << file;
    EXPECT_THAT(HuggingFaceFolder(root.PathOf(name)).OpenWeights(),
                Refuses(absl::StatusCode::kNotFound, parts))
        << file;
  };
  refuses("pytorch_model.bin", {"pytorch_model.bin holds PyTorch's weights", "save_pretrained"});
  refuses("gpt2.Q4.gguf", {"gpt2.Q4.gguf holds llama.cpp's weights"});
  refuses("flax_model.msgpack", {"holds Flax's weights"});
  refuses("model.fp16.safetensors", {"model.fp16.safetensors holds weights under another name"});
  refuses("model-00001-of-00002.safetensors", {"a part of the weights", "index.json, is missing"});
  refuses("adapter_model.safetensors", {"is of an adapter (LoRA)", "merge"});
  refuses("snapshots/0123abcd", {"cache of the Hugging Face Hub", "/snapshots/0123abcd"});
  refuses("models--a--b/snapshots/4567", {"models--a--b/snapshots/4567"});
  refuses("checkpoint-500/config.json", {"the folder below it", "checkpoint-500"});
}

TEST(HuggingFaceFolderTest, SaysWhatIsNoFolder) {
  const TempDir root;
  root.WriteFile("model.gguf", "GGUF");
  std::filesystem::create_symlink("nowhere", root.PathOf("link"));
  const auto refuses = [](const std::string& path, const Parts& parts) {
    EXPECT_THAT(HuggingFaceFolder(path).ReadConfig(), Refuses(absl::StatusCode::kNotFound, parts))
        << path;
  };
  refuses(root.PathOf("model.gguf"), {"model.gguf is a file: give the folder"});
  refuses(root.PathOf("link"), {"link is a link to nowhere, which is not there"});
  refuses(root.PathOf("none"), {"there is no folder"});
  refuses("~/models/gpt2", {"there is no folder ~/models/gpt2", "write the whole path"});
  refuses("openai-community/gpt2", {"there is no folder openai-community/gpt2", "hf download"});
}

TEST(HuggingFaceFolderTest, NamesALinkToNothing) {
  const TempDir folder;
  std::filesystem::create_symlink("../blobs/0", folder.PathOf("config.json"));
  std::filesystem::create_symlink("../blobs/1", folder.PathOf("model.safetensors"));
  const HuggingFaceFolder source(folder.path());
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  EXPECT_THAT(source.ReadConfig(),
              Refuses(kNotFound, Parts{folder.PathOf("config.json"), "a link to ../blobs/0"}));
  EXPECT_THAT(source.OpenWeights(),
              Refuses(kNotFound, Parts{folder.PathOf("model.safetensors"), "link to ../blobs/1"}));
  EXPECT_THAT(std::string(source.OpenWeights().status().message()),
              ::testing::HasSubstr(
                  "../blobs/1, which is not there: the Hugging Face Hub's cache has the files"));
}

// Prints what is said of the folder to a user who may not look into it; for a process of its own.
[[noreturn]] void ReadAsAStranger(const std::string& folder) {
  // Root may look into every folder, and becomes nobody; others lose the right with the folder's
  // mode.
  if (geteuid() == 0 && seteuid(65534) != 0) std::perror("seteuid");
  std::fputs(HuggingFaceFolder(folder).ReadConfig().status().ToString().c_str(), stderr);
  std::_Exit(0);
}

TEST(HuggingFaceFolderTest, SaysWhoMayNotReadAFolder) {
  const TempDir folder;
  folder.WriteFile("config.json", "{}");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::none);
  EXPECT_EXIT(ReadAsAStranger(folder.path()), ::testing::ExitedWithCode(0),
              "PERMISSION_DENIED: .*config.json: cannot be read: Permission denied .user ");
  // Its names may be looked up, but not listed.
  std::filesystem::remove(folder.PathOf("config.json"));
  std::filesystem::permissions(
      folder.path(), std::filesystem::perms::others_exec | std::filesystem::perms::owner_exec);
  EXPECT_EXIT(ReadAsAStranger(folder.path()), ::testing::ExitedWithCode(0),
              "cannot be read: Permission denied .user ");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST(HuggingFaceFolderTest, WarnsOfAnAdapterBesideTheModel) {
  const TempDir folder;
  folder.WriteFile("config.json", R"({"model_type": "gpt2"})");
  folder.WriteFile("adapter_config.json", "{}");
  EXPECT_THAT(HuggingFaceFolder(folder.path()).ReadConfig()->warnings,
              ::testing::ElementsAre(::testing::HasSubstr("there is an adapter beside the model")));
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
