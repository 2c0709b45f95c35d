// SPDX-License-Identifier: Apache-2.0
// The large files of a model folder, read at start-up: weights and tokenizer.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "server/options.h"

namespace cascade::server {

struct ModelFiles {
  model::Tokenizer tokenizer;
  model::LoadedWeights weights;
};

// Reads the tokenizer in a thread of its own while the weights are read and packed; whichever fails
// first ends both. Logs how far it is, every few seconds, and what became of the packed weights'
// file. Errors name the file.
absl::StatusOr<ModelFiles> LoadModelFiles(const Options& options, const model::ModelConfig& config,
                                          model::Executor& executor);

// Where --packed_weights_cache keeps this model's packed weights; empty: nowhere.
std::string PackedWeightsPath(const Options& options);

}  // namespace cascade::server
