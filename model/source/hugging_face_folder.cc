// SPDX-License-Identifier: Apache-2.0

#include "model/source/hugging_face_folder.h"

#include "model/config.h"
#include "model/generation_config.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/safetensors_folder.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

absl::StatusOr<ModelConfig> HuggingFaceFolder::ReadConfig() const { return LoadModelConfig(path_); }

absl::StatusOr<GenerationConfig> HuggingFaceFolder::ReadGenerationConfig() const {
  return LoadGenerationConfig(path_);
}

absl::StatusOr<Tokenizer> HuggingFaceFolder::ReadTokenizer() const {
  return Tokenizer::Load(path_);
}

absl::StatusOr<WeightFiles> HuggingFaceFolder::OpenWeights() const {
  return OpenSafetensorsFolder(path_);
}

}  // namespace cascade::model
