// SPDX-License-Identifier: Apache-2.0
// The large files of a model, read at start-up: weights and tokenizer.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {
class Executor;
class ModelSource;
struct ModelConfig;
}  // namespace cascade::model

namespace cascade::server {

struct Options;

struct ModelFiles {
  model::Tokenizer tokenizer;
  model::LoadedWeights weights;
};

// Reads the tokenizer in a thread of its own while the weights are read and packed; the first error
// of either ends both. Logs every few seconds how many bytes are loaded, and at the end how the
// packed weights' file was used. Errors name the file.
absl::StatusOr<ModelFiles> LoadModelFiles(const model::ModelSource& source,
                                          const model::ModelConfig& config, const Options& options,
                                          model::Executor& executor);

// Reads the tokenizer, and what the weights' files say of their tensors. The errors of
// LoadModelFiles that need no more than that.
absl::Status CheckModelFiles(const model::ModelSource& source, const model::ModelConfig& config,
                             const Options& options);

// The path of the file in which --packed_weights_cache keeps this model's packed weights; empty if
// the flag is.
std::string PackedWeightsPath(const Options& options);

}  // namespace cascade::server
