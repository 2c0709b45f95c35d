// SPDX-License-Identifier: Apache-2.0

#include "model/source/model_source.h"

#include <new>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation_config.h"
#include "model/source/hugging_face_folder.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

std::unique_ptr<ModelSource> OpenModelSource(const std::string& path) {
  return std::make_unique<HuggingFaceFolder>(path);
}

absl::StatusOr<GenerationConfig> ReadDefaults(const ModelSource& source,
                                              const ModelConfig& config) {
  absl::StatusOr<GenerationConfig> defaults = source.ReadGenerationConfig();
  if (!defaults.ok()) return defaults;
  // Scaled-down models inherit GPT-2's 50256, which they can never generate.
  std::erase_if(defaults->eos_token_ids, [&](TokenId id) {
    if (id < config.vocab_size) return false;
    defaults->warnings.push_back(
        EosBeyondVocabulary("generation_config.json", id, config.vocab_size));
    return true;
  });
  if (defaults->eos_token_ids.empty()) defaults->eos_token_ids = config.eos_token_ids;
  return defaults;
}

absl::StatusOr<LoadedWeights> LoadWeights(const ModelSource& source, const ModelConfig& config,
                                          const LoadOptions& options, Executor& executor) {
  absl::StatusOr<WeightFiles> files = source.OpenWeights();
  if (!files.ok()) return files.status();
  try {
    return LoadGpt2Weights(*std::move(files), config, options, executor);
  } catch (const std::bad_alloc&) {  // of something small: large tensors are named by their loader
    return absl::ResourceExhaustedError("memory ran out while the weights were read");
  }
}

}  // namespace cascade::model
