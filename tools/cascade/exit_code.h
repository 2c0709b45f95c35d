// What `cascade` tells the shell.
#pragma once

namespace cascade::cli {

enum class ExitCode {
  kOk = 0,
  kFailed = 1,         // the call failed, or the server is not serving
  kUsage = 2,          // the command line is wrong; nothing was sent
  kInterrupted = 130,  // Ctrl-C: 128 + SIGINT, as shells have it
};

}  // namespace cascade::cli
