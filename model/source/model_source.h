// SPDX-License-Identifier: Apache-2.0
// Where a model comes from: one interface for every format in which models are distributed.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace cascade::model {

class Executor;
class Tokenizer;
class WeightFiles;
struct GenerationConfig;
struct LoadOptions;
struct LoadedWeights;
struct ModelConfig;

// The four parts of a model. Each call reads one of them from the disk, and may be made from any
// thread. Errors name the file that is wrong, the place in it and what was expected there:
// NOT_FOUND if the part is missing, INVALID_ARGUMENT if it is malformed or of a model that is no
// GPT-2, RESOURCE_EXHAUSTED if there is no memory for it.
class ModelSource {
 public:
  virtual ~ModelSource() = default;

  // The architecture's numbers.
  virtual absl::StatusOr<ModelConfig> ReadConfig() const = 0;

  // The model's own defaults for decoding; GenerationConfig's if the source has none.
  virtual absl::StatusOr<GenerationConfig> ReadGenerationConfig() const = 0;

  virtual absl::StatusOr<Tokenizer> ReadTokenizer() const = 0;

  // Opens the files with the weights and parses what they say of their tensors; reads no tensor.
  virtual absl::StatusOr<WeightFiles> OpenWeights() const = 0;
};

// The source at `path`: the folder of a Hugging Face model. Reads nothing: whether there is a model
// shows in the calls of the source.
std::unique_ptr<ModelSource> OpenModelSource(const std::string& path);

// The defaults for decoding of `source`, whose configuration is `config`: ReadGenerationConfig's,
// without end-of-text tokens beyond the vocabulary (a warning names each), and with those of
// `config` if then there are none. Errors as ReadGenerationConfig.
absl::StatusOr<GenerationConfig> ReadDefaults(const ModelSource& source, const ModelConfig& config);

// Opens and loads the weights of `source`. Errors as OpenWeights and LoadGpt2Weights.
absl::StatusOr<LoadedWeights> LoadWeights(const ModelSource& source, const ModelConfig& config,
                                          const LoadOptions& options, Executor& executor);

}  // namespace cascade::model
