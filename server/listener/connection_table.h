// SPDX-License-Identifier: Apache-2.0
// Which peers have how many connections, and who may have one more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/listener/connection_limits.h"

namespace cascade::server {

enum class Refusal : std::uint8_t {
  kNone,
  kTotal,      // all places are taken
  kPeer,       // this peer has as many as one may have
  kMemory,     // the peer has just made the process's memory grow beyond its bound
  kResources,  // the process or the machine has no descriptor or no memory for it
};

// Not for several threads.
//
// A sixteenth of the places is for peers that have none: so a health probe and a new client get
// through to a server that other clients have filled.
class ConnectionTable {
 public:
  // A connection of a peer, from Take until this object is destroyed, before its table.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();

    const std::string& peer() const { return peer_; }

   private:
    friend class ConnectionTable;
    Place(ConnectionTable& table, std::string peer);

    ConnectionTable* table_;  // null: moved from
    std::string peer_;
  };

  explicit ConnectionTable(ConnectionLimits limits);

  // Whether `peer` may have one more connection: kNone, or what is used up.
  Refusal WhyNot(const std::string& peer) const;

  // REQUIRES: WhyNot(peer) is kNone.
  Place Take(std::string peer);

 private:
  const ConnectionLimits limits_;
  std::size_t open_ = 0;
  absl::flat_hash_map<std::string, std::size_t> by_peer_;  // without peers that have none
};

}  // namespace cascade::server
