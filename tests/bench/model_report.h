// SPDX-License-Identifier: Apache-2.0
// How model_bench prints what it measured: a table, or one JSON object a line and cell.
#pragma once

#include "tests/bench/model_cells.h"
#include "tests/bench/model_options.h"

namespace cascade::bench {

// What stands above the cells; nothing in JSON.
void PrintHeader(const ModelOptions& options);

void PrintCell(const ModelOptions& options, const Cell& cell, const BenchModel& model,
               const CellResult& result);

}  // namespace cascade::bench
