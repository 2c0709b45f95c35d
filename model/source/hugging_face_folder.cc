// SPDX-License-Identifier: Apache-2.0

#include "model/source/hugging_face_folder.h"

#include <filesystem>
#include <new>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/source/folder_advice.h"
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

// The error with what lies in the folder instead of the file that is not found.
absl::Status WithAdvice(const absl::Status& error, const std::string& folder) {
  if (!absl::IsNotFound(error)) return error;
  const std::string advice = DescribeFolder(folder);
  if (advice.empty() || absl::StrContains(error.message(), advice)) return error;
  return absl::NotFoundError(absl::StrCat(error.message(), ": ", advice));
}

absl::StatusOr<ModelConfig> ReadConfigOf(const std::string& folder) {
  absl::StatusOr<ModelConfig> config = LoadModelConfig(folder);
  if (!config.ok()) return WithAdvice(config.status(), folder);
  const std::string adapter = absl::StrCat(folder, "/adapter_config.json");
  std::error_code error;
  if (std::filesystem::exists(adapter, error)) {
    config->warnings.push_back(
        absl::StrCat(adapter, ": there is an adapter beside the model, which is not used"));
  }
  return config;
}

absl::StatusOr<WeightFiles> OpenWeightsOf(const std::string& folder) {
  absl::StatusOr<WeightFiles> files = OpenSafetensorsFolder(folder);
  if (!files.ok()) return WithAdvice(files.status(), folder);
  return files;
}

}  // namespace

absl::StatusOr<ModelConfig> HuggingFaceFolder::ReadConfig() const {
  return ReadPart(&ReadConfigOf, path_, "configuration");
}

absl::StatusOr<GenerationConfig> HuggingFaceFolder::ReadGenerationConfig() const {
  return ReadPart(&LoadGenerationConfig, path_, "generation configuration");
}

absl::StatusOr<Tokenizer> HuggingFaceFolder::ReadTokenizer() const {
  return ReadPart(&Tokenizer::Load, path_, "tokenizer");
}

absl::StatusOr<WeightFiles> HuggingFaceFolder::OpenWeights() const {
  return ReadPart(&OpenWeightsOf, path_, "list of the weights");
}

}  // namespace cascade::model
