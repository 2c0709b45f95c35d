// SPDX-License-Identifier: Apache-2.0
// A model's weight files, checked against the table of its tensors, and how they are read.
#pragma once

#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/report.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// Keeps the files open while it lives.
class Gpt2Source {
 public:
  // Checks that `files` hold every tensor of `table` as the configuration describes it, but for
  // biases that the model was trained without (absent_biases.h). Borrows the table. Errors as
  // LoadGpt2Weights; no tensor is read.
  static absl::StatusOr<Gpt2Source> Open(WeightFiles files, const ModelConfig& config,
                                         const std::vector<Gpt2Tensor>& table);

  // Adds sentences to the report's warnings.
  void AddWarnings(std::vector<std::string> warnings) {
    for (std::string& warning : warnings) warnings_.push_back(std::move(warning));
  }

  // The type that holds every stored matrix exactly: the matrices' own type if they share one, else
  // float32.
  kernels::ElementType stored_type() const { return stored_type_; }
  std::size_t bytes() const { return files_.bytes(); }

  // Cache key of the packed file: changes whenever packing for `precision` could give different
  // bytes. Covers file names, sizes and modification times, 64 bytes of every tensor, the precision
  // and the configuration. A hash of all bytes would take as long as loading. Errors as
  // FileMemory::Read.
  absl::StatusOr<std::string> Identity(const kernels::Precision& precision) const;

  // The report of the weights for `precision`, but for what only reading them tells: the counts of
  // weights that are not finite, and the fingerprint.
  WeightsReport ReportFor(const kernels::Precision& precision) const;

  struct ReadOptions {
    kernels::Precision precision;  // of the matrices
    const LoadProgress& on_progress;
  };

  // Reads, hashes and converts tensor after tensor, in the table's order, into the matrices and
  // vectors that the table points to, and calls `on_tensor` after each, which may empty that matrix
  // or vector again. Beside those, memory holds one stored tensor at a time. An error that
  // `on_tensor` or `on_progress` returns ends the reading. Fills in all of `report`. DATA_LOSS,
  // naming the file, if a weight file was written or truncated meanwhile.
  absl::Status Read(const ReadOptions& options, Executor& executor, WeightsReport& report,
                    absl::FunctionRef<absl::Status(const Gpt2Tensor&)> on_tensor) const;

 private:
  Gpt2Source(const std::vector<Gpt2Tensor>& table, WeightFiles files)
      : table_(table), files_(std::move(files)) {}

  const std::vector<Gpt2Tensor>& table_;
  WeightFiles files_;
  kernels::ElementType stored_type_ = kernels::ElementType::kF32;
  std::string config_text_;            // what the fingerprint covers of the configuration
  std::set<std::string> absent_;       // the biases that are zeros
  std::vector<std::string> warnings_;  // of the report
};

}  // namespace cascade::model
