// SPDX-License-Identifier: Apache-2.0

#include "server/engine/worker_options.h"

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::Status CheckWorkerOptions(const WorkerOptions& options, std::size_t max_rows) {
  if (options.max_running >= 1 && options.max_running <= options.step_tokens &&
      options.step_tokens <= max_rows) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("max_running is ", options.max_running, " and step_tokens ", options.step_tokens,
                   "; they must satisfy 1 <= max_running <= step_tokens <= ", max_rows,
                   ", the rows that the model was made for"));
}

}  // namespace cascade::server
