// SPDX-License-Identifier: Apache-2.0
// A model as Hugging Face's save_pretrained writes it.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "model/source/model_source.h"

namespace cascade::model {

// A folder with
//   config.json               the architecture
//   generation_config.json    defaults for decoding; may be missing
//   tokenizer.json            the tokenizer; or vocab.json and merges.txt
//   model.safetensors         the weights; or model.safetensors.index.json and the shards that it
//                             names
class HuggingFaceFolder final : public ModelSource {
 public:
  explicit HuggingFaceFolder(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<ModelConfig> ReadConfig() const override;
  absl::StatusOr<GenerationConfig> ReadGenerationConfig() const override;
  absl::StatusOr<Tokenizer> ReadTokenizer() const override;
  absl::StatusOr<WeightFiles> OpenWeights() const override;

 private:
  std::string path_;
};

}  // namespace cascade::model
