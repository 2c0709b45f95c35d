// SPDX-License-Identifier: Apache-2.0
// How a call ended that Ctrl-C may cancel.
#pragma once

#include <cstddef>

#include "tools/cascade/command.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/console.h"
#include "tools/cascade/exit_code.h"

namespace cascade::cli {

struct CallEnd {
  grpc::Status status;     // DATA_LOSS if the answer is not whole
  int signal = 0;          // SIGINT or SIGTERM, if one cancelled the call
  std::size_t breaks = 0;  // how often the answer went on at another server
};

// The status of a stream that ended with `status`, and whose answer is whole or not.
grpc::Status WholeOrLost(const grpc::Status& status, bool whole);

// Complains of whatever went wrong, and says how the process is to exit.
ExitCode Conclude(const CallEnd& end, const Connection& connection, Console& console);

}  // namespace cascade::cli
