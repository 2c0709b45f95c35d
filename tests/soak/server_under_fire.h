// SPDX-License-Identifier: Apache-2.0
// The server of a soak: a child process that is stopped, ended and replaced on its port.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/server/server_process.h"

namespace cascade::testing {

class ServerUnderFire {
 public:
  // `flags` beside --listen. Waits until it listens.
  explicit ServerUnderFire(std::vector<std::string> flags);

  std::uint16_t port() const { return port_; }
  std::string address() const;

  // Stands still for so long.
  void Freeze(std::uint32_t ms);

  // SIGTERM, and a new one on the same port. Returns the old one's exit status.
  int Replace();

  // SIGKILL, and a new one on the same port.
  void KillAndReplace();

  // SIGTERM. Returns its exit status.
  int End();

  // Resident bytes of the process that serves now.
  std::size_t ResidentBytes() const;

  // Raised when a server is told to end, and again when the next one has been started: odd while
  // one goes. Any thread.
  const std::atomic<std::size_t>& changes() const { return changes_; }

  // The end of what it logged.
  std::string LogTail() const;

 private:
  void Start(const std::string& listen);

  const std::vector<std::string> flags_;
  std::unique_ptr<ServerProcess> process_;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> changes_ = 0;
};

}  // namespace cascade::testing
