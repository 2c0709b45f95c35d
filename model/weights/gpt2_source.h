// SPDX-License-Identifier: Apache-2.0
// A model folder's weight files, checked, and how they are read.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// Keeps the files mapped while it lives.
class Gpt2Source {
 public:
  // Opens the weight files of `folder` and checks that they have what `table` wants. Borrows the
  // table. Errors as LoadGpt2Weights has them; no tensor is read.
  static absl::StatusOr<Gpt2Source> Open(const std::string& folder, const ModelConfig& config,
                                         const std::vector<Gpt2Tensor>& table);

  // The type that holds every stored matrix exactly: theirs, if they have one, else float32.
  kernels::ElementType stored_type() const { return stored_type_; }
  std::size_t bytes() const { return files_.bytes(); }

  // A short text that is another one if reading as `type` would give other bytes: it tells the
  // files' names, sizes and times of change, some bytes of every tensor, and what there is to the
  // type and the configuration. Reading all would take as long as loading.
  std::string Identity(kernels::WeightType type) const;

  // What can be told of the weights as `type` without reading them: all but NaNs and fingerprint.
  WeightsReport ReportFor(kernels::WeightType type) const;

  struct ReadOptions {
    kernels::WeightType type;  // of the matrices
    const LoadProgress& on_progress;
  };

  // Reads, hashes and converts tensor after tensor, in the table's order, into the places that the
  // table names, and calls `on_tensor` for each, which may empty that place. Beside those, memory
  // holds one stored tensor at a time. An error of on_tensor ends it. Fills in all of `report`.
  absl::Status Read(const ReadOptions& options, Executor& executor, WeightsReport& report,
                    absl::FunctionRef<absl::Status(const Gpt2Tensor&)> on_tensor) const;

 private:
  Gpt2Source(const std::vector<Gpt2Tensor>& table, WeightFiles files)
      : table_(table), files_(std::move(files)) {}

  const std::vector<Gpt2Tensor>& table_;
  WeightFiles files_;
  kernels::ElementType stored_type_ = kernels::ElementType::kF32;
  std::string mathematics_;  // of the configuration, for fingerprint and identity
};

}  // namespace cascade::model
