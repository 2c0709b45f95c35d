// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/model_report.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "model/kernels/element_types.h"
#include "model/kernels/simd_target.h"
#include "nlohmann/json.hpp"
#include "tests/bench/median.h"

namespace cascade::bench {
namespace {

void PrintLine(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);  // whoever reads a pipe sees each cell when it is done
}

std::string JsonLine(const ModelOptions& options, const Cell& cell, const BenchModel& model,
                     const CellResult& result) {
  const auto [min, max] = std::ranges::minmax(result.tokens_per_second);
  nlohmann::ordered_json json;
  json["model"] = options.model;
  json["weights"] = std::string(model::kernels::Name(options.precision.weights));
  json["activations"] = std::string(model::kernels::Name(options.precision.activations));
  json["kv_type"] = std::string(model::kernels::Name(options.kv_type));
  json["threads"] = options.threads;
  json["simd"] = model::kernels::SimdTargetName();
  json["cell"] = cell.name;
  json["unit"] = "tokens/s";
  json["median"] = Median(result.tokens_per_second);
  json["min"] = min;
  json["max"] = max;
  json["samples"] = result.tokens_per_second;
  json["attention_share"] = result.attention_share;
  json["weight_bytes"] = model.WeightBytes();
  json["read_share"] = result.read_share;
  json["peak_share"] = result.peak_share;
  json["read_bytes_per_second"] = result.read_bandwidth;
  json["peak_flops"] = result.fma_peak;
  return json.dump();
}

std::string TableLine(const ModelOptions& options, const Cell& cell, const CellResult& result) {
  const auto [min, max] = std::ranges::minmax(result.tokens_per_second);
  const std::string what =
      absl::StrFormat("| %-11s | %-9s | %-4s | %7d | %-6s | %-10s |", options.model,
                      Name(options.precision), std::string(model::kernels::Name(options.kv_type)),
                      options.threads, model::kernels::SimdTargetName(), cell.name);
  return absl::StrFormat("%s %8.1f | %8.1f | %8.1f | %9.0f | %9.0f | %9.0f | %5.1f | %7.0f |", what,
                         Median(result.tokens_per_second), min, max, 100 * result.attention_share,
                         100 * result.read_share, 100 * result.peak_share,
                         result.read_bandwidth * 1e-9, result.fma_peak * 1e-9);
}

}  // namespace

void PrintHeader(const ModelOptions& options) {
  if (options.json) return;
  PrintLine(
      "| model       | weights   | kv   | threads | simd   | cell       | tokens/s |    least |    "
      " "
      "most | % depth   | % of read | % of peak |  GB/s | GFLOP/s |");
  PrintLine("|---|---|---|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
}

void PrintCell(const ModelOptions& options, const Cell& cell, const BenchModel& model,
               const CellResult& result) {
  PrintLine(options.json ? JsonLine(options, cell, model, result)
                         : TableLine(options, cell, result));
}

}  // namespace cascade::bench
