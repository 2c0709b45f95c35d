// SPDX-License-Identifier: Apache-2.0

#include "tests/server/model_folder.h"

#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/source_path.h"

namespace cascade::testing {
namespace {

constexpr char kConfig[] = R"({
  "model_type": "gpt2", "activation_function": "gelu_new", "n_layer": 1, "n_head": 1, "n_embd": 8,
  "n_positions": $0, "vocab_size": 4096, "eos_token_id": 4095
})";

}  // namespace

ModelFolder::ModelFolder(std::size_t n_ctx) {
  const std::string config = absl::Substitute(kConfig, n_ctx);
  config_ = *model::ParseModelConfig(config, "config.json");
  Write("config.json", config);
  Write("model.safetensors",
        Safetensors(Gpt2TensorSpecs(config_, model::kernels::ElementType::kF32, "")));
  for (const char* name : {"vocab.json", "merges.txt"}) {
    std::filesystem::copy(absl::StrCat(testing::BundledModelFolder(), "/", name),
                          folder_.PathOf(name));
  }
}

void ModelFolder::SpoilWeights() const {
  std::vector<TensorSpec> tensors = Gpt2TensorSpecs(config_, model::kernels::ElementType::kF32, "");
  for (TensorSpec& tensor : tensors) tensor.bytes.assign(tensor.bytes.size(), '\xFF');
  Write("model.safetensors", Safetensors(tensors));
}

}  // namespace cascade::testing
