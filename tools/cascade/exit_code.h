// SPDX-License-Identifier: Apache-2.0
// The exit status of `cascade`.
#pragma once

namespace cascade::cli {

enum class ExitCode {
  kOk = 0,
  kFailed = 1,         // the call or a checkpoint failed, or the server is not serving
  kUsage = 2,          // the command line is wrong; nothing was sent
  kInterrupted = 130,  // Ctrl-C: 128 + SIGINT, the convention of shells
};

}  // namespace cascade::cli
