// SPDX-License-Identifier: Apache-2.0

#include "server/listener/open_connections.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "server/listener/connection_socket.h"
#include "server/listener/peer.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// A connection that received less costs little, whatever was sent through it.
constexpr std::uint64_t kLeastReceived = 64 << 10;

// How long a peer is shut out whose connection was reset. gRPC works on for some tenths of a second
// on what the connection sent; an attacker that came back at once would add to it.
constexpr absl::Duration kShutOut = absl::Seconds(1);

}  // namespace

Refusal OpenConnections::WhyNot(const std::string& peer, absl::Duration now) const {
  const auto found = shut_out_until_.find(peer);
  if (found != shut_out_until_.end() && now < found->second) return Refusal::kMemory;
  return table_.WhyNot(peer);
}

void OpenConnections::Add(FileDescriptor watch, const std::string& peer) {
  const int number = watch.get();
  connections_.try_emplace(
      number, Connection{.watch = std::move(watch), .place = table_.Take(peer), .received = {}});
}

FileDescriptor OpenConnections::Remove(int watch) {
  const auto ended = connections_.find(watch);
  if (ended == connections_.end()) return {};
  FileDescriptor duplicate = std::move(ended->second.watch);
  connections_.erase(ended);
  return duplicate;
}

void OpenConnections::NoteReceived(absl::Duration now) {
  absl::erase_if(shut_out_until_, [now](const auto& peer) { return peer.second <= now; });
  for (auto& [watch, connection] : connections_) {
    connection.received = {ReceivedBytes(watch), connection.received[0]};
  }
}

void OpenConnections::ResetHeaviest(std::uint64_t held_bytes, absl::Duration now) {
  std::vector<std::pair<std::uint64_t, int>> lately;  // bytes, and who received them
  std::uint64_t by_all = 0;
  for (const auto& [watch, connection] : connections_) {
    const std::uint64_t bytes = ReceivedBytes(watch) - connection.received[1];
    by_all += bytes;
    if (bytes >= kLeastReceived) lately.emplace_back(bytes, watch);
  }
  std::sort(lately.begin(), lately.end(), std::greater<>());
  std::uint64_t by_these = 0;
  for (const auto& [bytes, watch] : lately) {
    if (2 * by_these >= by_all) return;
    by_these += bytes;
    const std::string& peer = connections_.at(watch).place.peer();
    Log(LogLevel::kWarning, "memory grows beyond its bound: reset the connection that sends most",
        {{"peer", peer}, {"received_bytes", bytes}, {"process_bytes", held_bytes}});
    shut_out_until_[peer] = now + kShutOut;
    ResetConnection(watch);
  }
}

}  // namespace cascade::server
