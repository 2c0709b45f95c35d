// SPDX-License-Identifier: Apache-2.0

#include "model/weights/gpt2_weights.h"

#include <utility>

#include "absl/status/status.h"
#include "model/weights/gpt2_source.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/packed_weights.h"

namespace cascade::model {
namespace {

using kernels::WeightType;

absl::Status ReadSource(const Gpt2Source& source, const Gpt2Source::ReadOptions& options,
                        Executor& executor, WeightsReport& report) {
  return source.Read(options, executor, report, [](const Gpt2Tensor&) { return absl::OkStatus(); });
}

}  // namespace

absl::StatusOr<LoadedWeights> LoadGpt2Weights(const std::string& folder, const ModelConfig& config,
                                              const LoadOptions& options, Executor& executor) {
  LoadedWeights loaded;
  // A tied head is not in the table: a lm_head.weight that lies in the file all the same is
  // ignored, as Hugging Face overwrites it with wte.
  const std::vector<Gpt2Tensor> table = Gpt2Tensors(config, loaded.weights);
  const absl::StatusOr<Gpt2Source> source = Gpt2Source::Open(folder, config, table);
  if (!source.ok()) return source.status();

  const WeightType type = options.type.value_or(kernels::ExactWeightType(source->stored_type()));
  const Gpt2Source::ReadOptions read = {.type = type, .on_progress = options.on_progress};
  if (!options.packed_file.empty()) {
    PackedWeights packed(options.packed_file, *source, table);
    loaded.packed_file = packed.ReadOrMake(read, executor, loaded);
    if (loaded.packed_file.use != PackedFileUse::kFailed) return loaded;
  }
  absl::Status status = ReadSource(*source, read, executor, loaded.report);
  if (!status.ok()) return status;
  return loaded;
}

absl::StatusOr<LoadedWeights> LoadGpt2Weights(const std::string& folder, const ModelConfig& config,
                                              std::optional<WeightType> type, Executor& executor) {
  return LoadGpt2Weights(folder, config, LoadOptions{.type = type}, executor);
}

}  // namespace cascade::model
