// SPDX-License-Identifier: Apache-2.0

#include "server/bus_error.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cascade::server {
namespace {

constexpr char kLine[] =
    "cascade-server: a mapped file, the packed weights' or the program's own, cannot be read any "
    "more: it was truncated, or the disk failed\n";

// Calls only what a signal handler may call.
void OnBusError(int signal, siginfo_t* info, void* /*context*/) {
  if (info->si_code == BUS_ADRERR) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kLine, sizeof(kLine) - 1);
    std::_Exit(EXIT_FAILURE);
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void ExplainBusErrors() {
  struct sigaction action = {};
  action.sa_sigaction = &OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace cascade::server
