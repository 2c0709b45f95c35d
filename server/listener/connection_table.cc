// SPDX-License-Identifier: Apache-2.0

#include "server/listener/connection_table.h"

#include <utility>

namespace cascade::server {
namespace {

constexpr std::size_t kShareForNewPeers = 16;

}  // namespace

ConnectionTable::ConnectionTable(ConnectionLimits limits) : limits_(limits) {}

Refusal ConnectionTable::WhyNot(const std::string& peer) const {
  if (open_ >= limits_.total) return Refusal::kTotal;
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end()) return Refusal::kNone;
  if (found->second >= limits_.per_peer) return Refusal::kPeer;
  const std::size_t for_known_peers = limits_.total - limits_.total / kShareForNewPeers;
  return open_ >= for_known_peers ? Refusal::kTotal : Refusal::kNone;
}

ConnectionTable::Place ConnectionTable::Take(std::string peer) {
  return Place(*this, std::move(peer));
}

ConnectionTable::Place::Place(ConnectionTable& table, std::string peer)
    : table_(&table), peer_(std::move(peer)) {
  ++table.by_peer_[peer_];
  ++table.open_;
}

ConnectionTable::Place::Place(Place&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), peer_(std::move(other.peer_)) {}

ConnectionTable::Place::~Place() {
  if (table_ == nullptr) return;
  const auto found = table_->by_peer_.find(peer_);
  if (--found->second == 0) table_->by_peer_.erase(found);
  --table_->open_;
}

}  // namespace cascade::server
