// SPDX-License-Identifier: Apache-2.0
// The requests of a load.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/bench/length_distribution.h"

namespace cascade::cli::bench {

struct WorkloadOptions {
  LengthDistribution prompt_tokens{128};
  LengthDistribution output_tokens{64};  // max_new_tokens
  std::uint32_t shared_prefix_tokens = 0;
  double cancel_rate = 0;                               // the share of requests, in [0, 1]
  double slow_readers = 0;                              // likewise
  absl::Duration read_delay = absl::Milliseconds(100);  // of a slow reader, after each message
  bool ignore_eos = false;
  float temperature = 1;
  std::optional<bool> speculation;
  bool bypass_cache = false;
  std::uint64_t seed = 0;
};

// One request, and how its client behaves.
struct RequestPlan {
  v1::GenerateRequest request;
  std::optional<std::uint32_t> cancel_after;  // tokens; then it cancels the call
  absl::Duration read_delay;                  // more than zero: a slow reader
};

// Immutable: request i is a function of the options, the model's vocabulary and i.
class Workload {
 public:
  // Requests for `model`, which keep to themselves in its prefix cache by `cache_salt`.
  // INVALID_ARGUMENT, in words for the user, if an option is out of its range or the longest prompt
  // and answer do not fit into the model together.
  static absl::StatusOr<Workload> Create(WorkloadOptions options, const v1::GetModelResponse& model,
                                         std::string cache_salt);

  // The prompt is of random tokens, never one that ends texts. Its first shared_prefix_tokens are
  // those of every other prompt; a shorter prompt has nothing else.
  RequestPlan Plan(std::uint64_t index) const;

 private:
  Workload(WorkloadOptions options, const v1::GetModelResponse& model, std::string cache_salt);

  std::uint32_t RandomToken(Random& random) const;
  void FillRequest(Random& random, v1::GenerateRequest& request) const;

  WorkloadOptions options_;
  std::string cache_salt_;
  std::uint32_t vocab_size_;
  std::vector<std::uint32_t> eos_token_ids_;
  std::vector<std::uint32_t> shared_prefix_;
};

}  // namespace cascade::cli::bench
