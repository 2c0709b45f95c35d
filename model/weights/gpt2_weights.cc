// SPDX-License-Identifier: Apache-2.0

#include "model/weights/gpt2_weights.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/weights/gpt2_source.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/packed_weights.h"
#include "model/weights/tied_head.h"
#include "model/weights/weight_files.h"

namespace cascade::model {
namespace {

using kernels::Precision;

absl::Status ReadSource(const Gpt2Source& source, const Gpt2Source::ReadOptions& options,
                        Executor& executor, WeightsReport& report) {
  return source.Read(options, executor, report, [](const Gpt2Tensor&) { return absl::OkStatus(); });
}

absl::Status CheckSupported(const Precision& precision) {
  if (IsSupported(precision)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "activations as ", std::string(Name(precision.activations)), " need weights as ",
      WeightsBeside(precision.activations), ", not as ", std::string(Name(precision.weights)),
      ": choose other weights, or f32 activations"));
}

}  // namespace

absl::StatusOr<LoadedWeights> LoadGpt2Weights(WeightFiles files, const ModelConfig& config,
                                              const LoadOptions& options, Executor& executor) {
  LoadedWeights loaded;
  ModelConfig stored = config;
  std::vector<std::string> warnings;
  if (absl::Status tied = TieAsStored(files, stored, warnings); !tied.ok()) return tied;
  const std::vector<Gpt2Tensor> table = Gpt2Tensors(stored, loaded.weights);
  absl::StatusOr<Gpt2Source> source = Gpt2Source::Open(std::move(files), stored, table);
  if (!source.ok()) return source.status();
  source->AddWarnings(std::move(warnings));

  const Precision precision(options.type.value_or(kernels::ExactWeightType(source->stored_type())),
                            options.activations);
  if (absl::Status supported = CheckSupported(precision); !supported.ok()) return supported;
  const Gpt2Source::ReadOptions read = {.precision = precision, .on_progress = options.on_progress};
  if (!options.packed_file.empty()) {
    PackedWeights packed(options.packed_file, *source, table);
    absl::StatusOr<PackedFileOutcome> outcome =
        packed.ReadOrMake(read, options.share_packed_file, executor, loaded);
    if (!outcome.ok()) return outcome.status();
    loaded.packed_file = *std::move(outcome);
    if (loaded.packed_file.use != PackedFileUse::kFailed) return loaded;
  }
  absl::Status status = ReadSource(*source, read, executor, loaded.report);
  if (!status.ok()) return status;
  return loaded;
}

}  // namespace cascade::model
