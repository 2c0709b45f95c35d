// SPDX-License-Identifier: Apache-2.0
// The lines that the log has for each request.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

class Answer;
struct Correlation;

// Neither function throws: a line that there is no memory for is left out.

// One line for a request that was handed to the worker: its id, its sizes and times, and `status`,
// how its call ended; with the ids that its caller goes by. Never its text. At `info` for every
// request that finished; at `info` too, but a few a second, for those that failed; at `debug` for
// those that the worker never started.
void LogFinished(absl::string_view method, const Correlation& correlation, const Answer& answer,
                 const absl::Status& status) noexcept;

// One line at `debug` for a request that was refused before the worker had it.
void LogRefused(absl::string_view method, const Correlation& correlation,
                absl::string_view request_id, const absl::Status& status) noexcept;

}  // namespace cascade::server
