// SPDX-License-Identifier: Apache-2.0
// The options of the command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/kernels/element_types.h"
#include "server/cgroup.h"
#include "server/engine/worker_options.h"
#include "server/grpc/auth/tls.h"
#include "server/listener/listen_options.h"
#include "server/observability/logs.h"
#include "server/tracing/otlp_endpoint.h"

namespace cascade::server {

struct TracingOptions {
  std::optional<OtlpEndpoint> endpoint;  // absent: no traces
  double ratio = 1;                      // of the calls that begin a trace
};

// All values are set and valid: ParseOptions refuses a command line with others.
struct Options {
  std::string model;               // path of the model's folder
  std::string tokenizer = "auto";  // the model's own; or another folder; or "none"
  std::string model_name;          // the model's name in GetModel and in logs
  ListenOptions listen;
  TlsOptions tls;
  std::string callers_file;                           // of those who may call; empty: everybody
  std::optional<model::kernels::WeightType> weights;  // absent: as stored
  model::kernels::ActivationType activations = model::kernels::ActivationType::kF32;
  model::kernels::KvType kv_cache_type = model::kernels::KvType::kF32;
  bool pin_threads = false;
  std::string packed_weights_cache;                // a folder, or "beside"; empty: none
  std::size_t threads = 1;                         // threads that run the model
  std::uint64_t memory_bytes = MemoryLimit();      // that the process may use
  std::optional<std::uint64_t> kv_cache_bytes;     // absent: enough for max_running, bounded
  std::optional<std::uint64_t> call_memory_bytes;  // of open calls; absent: a share of the memory
  WorkerOptions worker = {.max_queued = 256};
  bool report_cached_tokens = true;                // false: answers say 0
  int max_priority = 0;                            // the highest that a request may ask for
  absl::Duration worker_hang = absl::Seconds(60);  // of one step; a longer one is told by health
  bool use_generation_config = true;
  std::string simd = "auto";
  absl::Duration drain = absl::Seconds(20);
  std::string metrics_address;            // of the metrics' pages; empty: there are none
  bool metrics_under_vllm_names = false;  // beside their own
  TracingOptions tracing;
  LogOptions log;
  bool log_prompts = false;
  bool print_config = false;
  bool config_check = false;
};

// Parses the environment and the command line. A flag NAME has its default, or the value of the
// environment's CASCADE_NAME (in capital letters), or that of the command line and of the files
// that it names with --flagfile, or else CASCADE_FLAGFILE, of which the last counts.
// INVALID_ARGUMENT if a flag's value is not allowed (naming the flag, its value and what is
// allowed), if there is no such flag, if --model is missing, or if there is an argument that is not
// a flag; the same of such a file, with its name and the line's number. Abseil itself ends the
// process for --version, with 0, after printing the version.
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

// What all flags are now, each on a line, as --flagfile reads it. After ParseOptions.
std::string ConfigText();

}  // namespace cascade::server
