// SPDX-License-Identifier: Apache-2.0
// The real binary, cascade-server, as a child process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace cascade::testing {

class ServerProcess {
 public:
  // Runs it with these arguments. Its stdout is read by Address, its stderr goes to a file.
  // `wrapper` is a command that runs it, such as {"prlimit", "--nofile=64"}; empty: none.
  explicit ServerProcess(const std::vector<std::string>& arguments,
                         std::vector<std::string> wrapper = {});
  ~ServerProcess();  // kills it if it still runs
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // The first line it prints: with port 0 in --listen the address to dial. Waits for it; empty if
  // the process ends without one.
  std::string Address();

  // All else that it prints, until it closes its stdout.
  std::string StandardOutput();

  void Signal(int signal) const;
  pid_t pid() const { return pid_; }

  // Its exit status, or minus the signal that killed it.
  int Wait();

  // The same, but waits for at most `limit`; absent if the process still runs then.
  std::optional<int> WaitFor(std::chrono::milliseconds limit);

  // What it wrote to stderr so far: all of it after Wait.
  std::string StandardError() const;

 private:
  TempDir folder_;
  int stdout_ = -1;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace cascade::testing
