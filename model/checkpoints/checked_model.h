// SPDX-License-Identifier: Apache-2.0
// The model that the checkpoints run on, beside its golden data.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/golden_data.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/gpt2.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// Where the parts of a checked model lie.
struct CheckedFolders {
  std::string model;      // as Hugging Face writes it
  std::string golden;     // as tests/golden/generate.py writes it; empty if there is none
  std::string tokenizer;  // stands in where the model's folder has no tokenizer; may be empty
};

// Loads what a checkpoint asks for, and holds the weights once: asking for the whole model takes
// them from the components, and the other way round loads them again. One thread at a time.
class CheckedModel {
 public:
  // Reads config.json and, if its folder is given, looks for the golden data. NOT_FOUND or
  // INVALID_ARGUMENT name the file.
  static absl::StatusOr<std::unique_ptr<CheckedModel>> Open(CheckedFolders folders);

  CheckedModel(const CheckedModel&) = delete;
  CheckedModel& operator=(const CheckedModel&) = delete;

  const ModelConfig& config() const { return config_; }
  bool has_golden() const { return golden_.has_value(); }
  const GoldenData& golden() const { return *golden_; }  // REQUIRES: has_golden()
  const std::string& folder() const { return folders_.model; }
  Executor& executor() { return executor_; }

  // The weights, for single components. Borrowed; valid until WholeModel() is called. Errors as
  // LoadWeights.
  absl::StatusOr<const Gpt2Weights*> Weights();

  // The whole model, for steps of up to n_ctx rows. Borrowed; valid until Weights() is called.
  // Errors as LoadWeights.
  absl::StatusOr<Gpt2*> WholeModel();

  // A cache with room for `positions` positions, rounded up to blocks.
  absl::StatusOr<KvCache> MakeCache(std::size_t positions) const;

  // The model's tokenizer, or the one that stands in for it. Errors as ModelSource::ReadTokenizer.
  absl::StatusOr<Tokenizer> LoadTokenizer() const;

 private:
  CheckedModel(CheckedFolders folders, ModelConfig config, std::optional<GoldenData> golden)
      : folders_(std::move(folders)), config_(std::move(config)), golden_(std::move(golden)) {}

  CheckedFolders folders_;
  ModelConfig config_;
  std::optional<GoldenData> golden_;
  InlineExecutor executor_;
  std::optional<Gpt2Weights> weights_;
  std::optional<Gpt2> whole_;
};

}  // namespace cascade::model
