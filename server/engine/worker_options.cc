// SPDX-License-Identifier: Apache-2.0

#include "server/engine/worker_options.h"

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::Status CheckWorkerOptions(const WorkerOptions& options, std::size_t max_rows) {
  if (options.max_running < 1 || options.max_running > options.step_tokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_running is ", options.max_running, "; must be at least 1 and at most ",
                     "step_tokens, which is ", options.step_tokens,
                     ": each running sequence has a token in every step"));
  }
  if (options.step_tokens > max_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("step_tokens is ", options.step_tokens, "; must be at most ", max_rows,
                     ", the tokens that the model has room for in one step"));
  }
  return absl::OkStatus();
}

}  // namespace cascade::server
