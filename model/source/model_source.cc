// SPDX-License-Identifier: Apache-2.0

#include "model/source/model_source.h"

#include <new>
#include <utility>

#include "absl/status/status.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/source/hugging_face_folder.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

std::unique_ptr<ModelSource> OpenModelSource(const std::string& path) {
  return std::make_unique<HuggingFaceFolder>(path);
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
