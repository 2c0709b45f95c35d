// SPDX-License-Identifier: Apache-2.0
// The command line of model_bench.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/kernels/element_types.h"
#include "tests/bench/model_cells.h"

namespace cascade::bench {

struct ModelOptions {
  std::string model;  // a name that KnownShape knows, or a Hugging Face folder
  model::kernels::Precision precision = model::kernels::WeightType::kF32;
  model::kernels::KvType kv_type = model::kernels::KvType::kF32;
  std::size_t threads = 1;
  std::string simd = "auto";
  std::vector<Cell> cells = {};
  std::size_t repetitions = 5;
  bool json = false;
  std::string logits = "";  // a file to write; empty: measure
  std::string prompt = "";  // a file to read, with `logits`
};

// Reads the flags. INVALID_ARGUMENT, naming the flag, its value and what is allowed, if one is
// wrong; --help and flags that are none end the process, as Abseil has it.
absl::StatusOr<ModelOptions> ParseModelOptions(int argc, char** argv);

}  // namespace cascade::bench
