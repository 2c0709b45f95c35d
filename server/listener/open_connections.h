// SPDX-License-Identifier: Apache-2.0
// The connections that are open, and how much each of them sends.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/listener/connection_limits.h"
#include "server/listener/connection_table.h"
#include "server/listener/file_descriptor.h"

namespace cascade::server {

// Keeps a duplicate of each open connection's descriptor (accept_loop.h says why), and the
// connection's place. `now` is the time of a clock that only runs forward. Not for several threads.
class OpenConnections {
 public:
  explicit OpenConnections(ConnectionLimits limits) : table_(limits) {}

  // Whether `peer` may have one more connection: kNone, or what is used up. For a second after
  // ResetHeaviest ended a connection of `peer`, it is memory: what the connection cost must first
  // be freed.
  Refusal WhyNot(const std::string& peer, absl::Duration now) const;

  // Takes a place until Remove(watch.get()). REQUIRES: WhyNot of `peer` is kNone.
  void Add(FileDescriptor watch, const std::string& peer);

  // Frees the place, and gives the duplicate back. None if no connection has this number.
  FileDescriptor Remove(int watch);

  bool empty() const { return connections_.empty(); }
  std::size_t size() const { return connections_.size(); }

  // Notes how much each connection has received by now: to be called once in a period, so that
  // ResetHeaviest knows what was received in the last one to two of them.
  void NoteReceived(absl::Duration now);

  // Resets the connections that have lately received most, as few as received half of what all TCP
  // connections have, and logs them, with `held_bytes` of memory as the reason. Leaves alone who
  // sent less than 64 KiB.
  void ResetHeaviest(std::uint64_t held_bytes, absl::Duration now);

 private:
  struct Connection {
    FileDescriptor watch;
    ConnectionTable::Place place;
    std::array<std::uint64_t, 2> received;  // when NoteReceived last ran, and when before that
  };

  ConnectionTable table_;
  absl::flat_hash_map<int, Connection> connections_;                 // by the number of `watch`
  absl::flat_hash_map<std::string, absl::Duration> shut_out_until_;  // by peer
};

}  // namespace cascade::server
