// SPDX-License-Identifier: Apache-2.0
// Where model_bench has its model from.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::bench {

struct SourcedModel {
  model::ModelConfig config;
  model::Gpt2Weights weights;
};

// The shape of "gpt2", "gpt2-medium", "gpt2-large" or "gpt2-xl".
std::optional<model::ModelConfig> KnownShape(absl::string_view name);

// `source` is a name that KnownShape knows, for that shape with seeded random weights, or a Hugging
// Face folder. Errors are those of the loaders.
absl::StatusOr<SourcedModel> SourceModel(const std::string& source,
                                         const model::kernels::Precision& precision,
                                         model::Executor& executor);

// The packed bytes of all that a step multiplies with: the blocks' matrices and the head. They stay
// where they are when `weights` moves.
std::vector<std::span<const std::byte>> Matrices(const model::Gpt2Weights& weights);

}  // namespace cascade::bench
