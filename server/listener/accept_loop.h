// SPDX-License-Identifier: Apache-2.0
// Accepts connections within limits and hands them to the transport.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/listener/connection_limits.h"
#include "server/listener/file_descriptor.h"
#include "server/listener/hand_over_threads.h"
#include "server/listener/listening_socket.h"
#include "server/listener/memory_guard.h"
#include "server/listener/open_connections.h"
#include "server/listener/refusal_log.h"

namespace cascade::server {

// A thread that accepts the connections of several addresses and has them handed over
// (HandOverThreads). A connection beyond a limit is closed at once, counted and logged
// (RefusalLog); so is one for which there is no descriptor. When descriptors are free again,
// connections are accepted again.
//
// The transport owns what it is handed, and tells nobody when it closes it. Therefore this object
// keeps a duplicate of each descriptor, which the kernel reports as hung up once both directions of
// the connection are shut down, by either side, and closes the duplicate then. So a connection
// counts until it has ended, and takes two descriptors. It is also how the loop ends a connection:
// when the process's memory grows beyond its bound, it resets those that send most.
// REQUIRES of the transport: it shuts a connection down (shutdown(2)) before it closes it.
class AcceptLoop {
 public:
  // `ways` are the transport's to take connections over. `held_bytes` tells how much memory the
  // process holds. RESOURCE_EXHAUSTED if there are no descriptors for the loop itself.
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Start(
      std::vector<ListeningSockets> listening, ConnectionLimits limits,
      MemoryGuard::HeldBytes held_bytes, std::vector<HandOverThreads::HandOver> ways);

  // Stop. The transport must have closed its connections: what it sends may stay unsent otherwise.
  ~AcceptLoop();

  // From now on, connections are reset rather than that the process holds more memory than this.
  // From any thread.
  void BoundMemory(std::uint64_t bytes) { guard_.SetBound(bytes); }

  // Connections that are open. From any thread.
  std::size_t connections() const { return count_.load(); }

  // Ends the thread and stops listening: after it, no connection is handed over. Idempotent; not to
  // be called by two threads at once.
  void Stop();

 private:
  AcceptLoop(std::vector<ListeningSockets> listening, ConnectionLimits limits,
             MemoryGuard::HeldBytes held_bytes, std::vector<HandOverThreads::HandOver> ways);

  bool IsComplete() const;

  // Registers the stop and all sockets that listen; false with errno.
  bool WatchAll();

  void Run();

  // Waits for events and handles them. False when Stop was called.
  bool RunOnce();

  // Accepts what waits on the listening socket `fd`, up to a bound.
  void AcceptFrom(int fd);

  // Hands the connection over, or refuses it by closing it.
  void LetIn(FileDescriptor connection);

  // Takes a place for `connection` until it ends. False if resources are lacking.
  bool Watch(const FileDescriptor& connection, const std::string& peer);

  // Frees the place of a connection that has ended.
  void Forget(int watch);

  // Refuses one connection with the descriptor that is kept for it. Pauses if that fails.
  void RefuseWithReserve(int listening);

  // Stops, or starts again, to hear of new connections: without descriptors to accept and refuse
  // them they would wake the thread without end.
  void SetPaused(bool paused);

  // EPOLL_CTL_ADD or EPOLL_CTL_MOD of a socket that listens; false with errno.
  bool Register(int operation, int fd);

  // Looks how much memory the process holds, if it is time to.
  void GuardMemory();

  // How long the thread may sleep, in milliseconds; -1 for ever.
  int TimeoutMs();

  std::vector<ListeningSockets> listening_;
  HandOverThreads hand_over_;
  FileDescriptor epoll_;
  FileDescriptor stop_;     // an eventfd
  FileDescriptor reserve_;  // /dev/null, to be closed when a descriptor is needed to refuse with
  bool paused_ = false;
  RefusalLog refusals_;
  OpenConnections connections_;
  std::atomic<std::size_t> count_ = 0;  // of connections_, for other threads
  MemoryGuard guard_;
  absl::Duration next_look_;  // at the memory; times of a clock that only runs forward
  int trims_due_ = 0;         // of the allocator, at the next looks
  absl::Duration next_note_;  // of what each connection received
  std::thread thread_;
};

}  // namespace cascade::server
