// SPDX-License-Identifier: Apache-2.0

#include "model/source/hugging_face_folder.h"

#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/safetensors_folder.h"
#include "model/weights/weight_files.h"

namespace cascade::model {
namespace {

// What `read` returns for `folder`; RESOURCE_EXHAUSTED, naming folder and part, if there is no
// memory for it. The size is not known: the readers allocate as they parse.
template <typename T>
absl::StatusOr<T> ReadPart(absl::StatusOr<T> (*read)(const std::string&), const std::string& folder,
                           absl::string_view part) {
  try {
    return read(folder);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder, ": memory ran out while the ", part, " was read"));
  }
}

}  // namespace

absl::StatusOr<ModelConfig> HuggingFaceFolder::ReadConfig() const {
  return ReadPart(&LoadModelConfig, path_, "configuration");
}

absl::StatusOr<GenerationConfig> HuggingFaceFolder::ReadGenerationConfig() const {
  return ReadPart(&LoadGenerationConfig, path_, "generation configuration");
}

absl::StatusOr<Tokenizer> HuggingFaceFolder::ReadTokenizer() const {
  return ReadPart(&Tokenizer::Load, path_, "tokenizer");
}

absl::StatusOr<WeightFiles> HuggingFaceFolder::OpenWeights() const {
  return ReadPart(&OpenSafetensorsFolder, path_, "list of the weights");
}

}  // namespace cascade::model
