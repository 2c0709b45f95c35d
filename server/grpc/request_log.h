#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/grpc/answer.h"

namespace cascade::server {

// Neither throws: a line that there is no memory for is left out.

// One line at `info` for a request that the worker had: who, how much, how long, how it ended.
// Never what it said.
void LogFinished(absl::string_view method, const Answer& answer,
                 const absl::Status& status) noexcept;

// One line at `debug` for a request that never came to the worker.
void LogRefused(absl::string_view method, absl::string_view request_id,
                const absl::Status& status) noexcept;

}  // namespace cascade::server
