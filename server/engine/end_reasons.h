// SPDX-License-Identifier: Apache-2.0
// Why requests are ended by others than themselves.
#pragma once

#include "absl/status/status.h"

namespace cascade::server {

// Made while there is memory: a copy takes none. Any thread may copy them.
struct EndReasons {
  absl::Status cancelled = absl::CancelledError("the request was cancelled");
  absl::Status deadline_passed = absl::DeadlineExceededError("the request's deadline has passed");
  absl::Status shutting_down = absl::UnavailableError("the server is shutting down");
};

}  // namespace cascade::server
