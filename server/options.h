// SPDX-License-Identifier: Apache-2.0
// What the command line says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/kernels/element_types.h"
#include "server/engine/worker_options.h"
#include "server/observability/logs.h"

namespace cascade::server {

// Complete and valid: ParseOptions refuses everything else.
struct Options {
  std::string model;                                  // the folder
  std::string model_name;                             // what GetModel and the logs call it
  std::string listen = "localhost:50051";             // HOST:PORT or unix:PATH
  std::optional<model::kernels::WeightType> weights;  // absent: as stored
  model::kernels::KvType kv_cache_type = model::kernels::KvType::kF32;
  bool pin_threads = false;
  std::string packed_weights_cache;             // a folder, or "beside"; empty: none
  std::size_t threads = 1;                      // that run the model
  std::optional<std::uint64_t> kv_cache_bytes;  // absent: what max_running needs, bounded
  WorkerOptions worker = {.max_queued = 256};
  int max_priority = 0;                            // that a request may ask for
  absl::Duration worker_hang = absl::Seconds(60);  // of one step; then health says so
  bool use_generation_config = true;
  std::string simd = "auto";
  absl::Duration drain = absl::Seconds(20);
  LogOptions log;
};

// Reads the flags. INVALID_ARGUMENT, naming the flag, its value and what is allowed, if one is
// wrong, --model is missing, or there is an argument that is no flag. What Abseil itself finds (an
// unknown flag, a number that is none) it prints to stderr and ends the process with 1; --version
// prints the version and ends it with 0.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

// True if the command line asks for help.
bool WantsHelp(int argc, char** argv);

// What --help prints: every flag, its default and what it does.
std::string HelpText();

}  // namespace cascade::server
