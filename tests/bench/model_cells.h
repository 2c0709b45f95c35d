// SPDX-License-Identifier: Apache-2.0
// The cells of the table: what a step of the model is asked to do, and how fast it does it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/executor.h"
#include "model/gpt2.h"
#include "model/kernels/element_types.h"
#include "tests/bench/probes.h"

namespace cascade::bench {

// `steps` steps of `tokens` tokens each of `sequences` sequences, which have `depth` positions
// before the first step; logits of each sequence's last row.
struct Cell {
  std::string name;
  std::size_t sequences = 1;
  std::size_t tokens = 1;
  std::size_t depth = 0;
  std::size_t steps = 1;

  std::size_t rows() const { return sequences * tokens; }
  std::size_t positions() const { return depth + tokens * steps; }
};

// The cell of this name. INVALID_ARGUMENT, with the names that there are, if there is none.
absl::StatusOr<Cell> FindCell(absl::string_view name);

// A model with nothing but what is measured around it.
struct BenchModel {
  model::Gpt2& gpt2;
  model::Executor& executor;
  model::kernels::KvType kv_type;
  Pieces matrices;  // all that a step multiplies with: the blocks' matrices and the head

  // Bytes that a step reads at least.
  std::size_t WeightBytes() const;

  // Operations of one step's matrix products, two for each weight and row.
  double ProductOperations(const Cell& cell) const;
};

// Medians over the samples; shares are of the better of the probes before and after a sample.
struct CellResult {
  std::vector<double> tokens_per_second;
  double attention_share = 0;  // of a step's time: what its depth adds to it
  double read_share = 0;       // the weights' bytes per second, of ReadBandwidth()
  double peak_share = 0;       // the products' operations per second, of FmaPeak()
  double read_bandwidth = 0;   // bytes per second
  double fma_peak = 0;         // operations per second
};

// Measures a cell `repetitions` times, after a few steps that do not count, by the wall's clock.
// Positions before the first step hold seeded random keys and values.
//
// INVALID_ARGUMENT if the model has too few positions, RESOURCE_EXHAUSTED if there is no memory for
// keys and values.
absl::StatusOr<CellResult> MeasureCell(const Cell& cell, std::size_t repetitions,
                                       const BenchModel& model);

}  // namespace cascade::bench
