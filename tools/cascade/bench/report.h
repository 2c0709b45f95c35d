// SPDX-License-Identifier: Apache-2.0
// The results of a run, for people and for programs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tools/cascade/bench/load.h"
#include "tools/cascade/bench/workload.h"

namespace cascade::cli::bench {

// One run: its numbers, and the settings and model that they depend on.
struct Measurement {
  absl::Time started;  // by the client's clock
  std::string server;
  v1::GetModelResponse model;
  WorkloadOptions workload;
  LoadOptions load;
  std::size_t connections = 1;
  LoadResult result;
};

double PerSecond(std::uint64_t count, std::chrono::nanoseconds elapsed);  // 0 if elapsed is 0

// "closed loop, 32 streams" or "open loop, 12.5 requests/s".
std::string Describe(const OfferedLoad& offered);

// Table of one run, several lines: requests by code, rates, percentiles, errors with an example.
std::string ReportText(const Measurement& run);

// One line for each run of a sweep.
std::string SweepText(std::span<const Measurement> runs);

// One JSON object on one line: settings, model and all numbers. Times are in seconds.
std::string ReportJson(const Measurement& run);

// The state of a run on one line, without a newline.
std::string ProgressText(const Counts& counts, std::chrono::nanoseconds elapsed);

}  // namespace cascade::cli::bench
