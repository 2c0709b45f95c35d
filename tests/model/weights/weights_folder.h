// SPDX-License-Identifier: Apache-2.0
// A folder with nothing but the weights of a small GPT-2, and ways to spoil it.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/source/hugging_face_folder.h"
#include "model/source/model_source.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/weight_files.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temp_dir.h"

namespace cascade::model {

// Sizes that are all different, so that no two shapes agree by accident.
inline ModelConfig SmallConfig() {
  return {.n_layer = 2, .n_head = 2, .n_embd = 6, .n_inner = 20, .n_ctx = 5, .vocab_size = 37};
}

inline ModelConfig UntiedConfig() {
  ModelConfig config = SmallConfig();
  config.tie_word_embeddings = false;
  return config;
}

// To load matrices for products of `precision`; absent: as they are stored.
inline LoadOptions OptionsFor(std::optional<kernels::Precision> precision) {
  if (!precision) return {};
  return {.type = precision->weights, .activations = precision->activations};
}

class WeightsFolder {
 public:
  explicit WeightsFolder(const ModelConfig& config = SmallConfig(),
                         kernels::ElementType type = kernels::ElementType::kF32,
                         absl::string_view prefix = "")
      : config_(config), tensors_(testing::Gpt2TensorSpecs(config, type, prefix)) {}

  std::vector<testing::TensorSpec>& tensors() { return tensors_; }
  const testing::TempDir& dir() const { return dir_; }
  std::string path() const { return dir_.PathOf("model.safetensors"); }

  // REQUIRES: there is one.
  testing::TensorSpec& Tensor(absl::string_view name) {
    for (testing::TensorSpec& tensor : tensors_) {
      if (tensor.name == name) return tensor;
    }
    std::abort();
  }

  void Remove(absl::string_view name) {
    std::erase_if(tensors_, [name](const auto& tensor) { return tensor.name == name; });
  }

  // Writes the tensors to model.safetensors and loads them.
  absl::StatusOr<LoadedWeights> Load(
      std::optional<kernels::Precision> precision = std::nullopt) const {
    dir_.WriteFile("model.safetensors", testing::Safetensors(tensors_));
    return LoadAsIs(precision);
  }

  // Loads what lies in the folder.
  absl::StatusOr<LoadedWeights> LoadAsIs(
      std::optional<kernels::Precision> precision = std::nullopt) const {
    InlineExecutor executor;
    return LoadWeights(HuggingFaceFolder(dir_.path()), config_, OptionsFor(precision), executor);
  }

 private:
  ModelConfig config_;
  std::vector<testing::TensorSpec> tensors_;
  testing::TempDir dir_;
};

}  // namespace cascade::model
